"""The table of figures: what each answers, where its function is, and what it needs.

Rules, report, schema and documentation follow from the rows: those here, and those that the modules
of studies add. A row needs a function `draw_<name>(inputs, parameters)` and a caption `<name>.rst`.
What a figure lacks is said while the workflow plans, before anything is computed. Only the standard
library is imported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from kohorte.data.names import GRIDS, SCHEMES, extension
from kohorte.errors import ConfigError

if TYPE_CHECKING:
    from kohorte.study.modules import StudyModule
    from kohorte.study.plan import Study

Config = Mapping[str, Any]


@dataclass(frozen=True)
class Need:
    """Something that a study must have for a figure."""

    text: str  # What it is called in the documentation
    #: function(config, study) -> str. What the study lacks of it, in words; empty where it lacks
    #: nothing.
    find_lack: Callable[[Config, Study], str]
    #: function(PreparedData) -> str. What the table lacks of it, where that shows in it alone.
    find_in_table: Callable[[Any], str] = lambda table: ""


@dataclass(frozen=True, eq=False)
class Figure:
    """A row of the table."""

    name: str  # Of its files in `results/<study>/figures`, its rule `plot_<name>` and its caption
    #: Where `draw_<name>` is, such as `kohorte.figures.maps`. The figure is drawn again when this
    #: module or one that it imports is edited.
    module: str
    question: str  # What it answers, in one sentence
    section: str  # Of the report: one of SECTIONS, or one of a study's own
    needs: Sequence[Need] = ()  # What a study must have
    #: Files of the study that it is drawn from: `maps`, and HDF5 files by their names
    inputs: Sequence[str] = ()
    tables: Sequence[str] = ()  # Tables of the study that it is drawn from, by their names
    #: Keys of the configuration, with their sections, and `swept`; the function gets them by the
    #: last part of the name
    parameters: Sequence[str] = ()
    #: Whether it is drawn only where `figures.extra` names it, and not for every study that has
    #: what it needs
    on_request: bool = False
    #: Key of the configuration, with its section, that is a request, too, where it has a value
    wanted_by: str = ""
    cost: str = "plot"  # What drawing takes: a key of the costs of rules

    def find_lack(self, config: Config, study: Study) -> str:
        """Say what a study lacks of the needs, in words; nothing where it lacks nothing."""
        return next(filter(None, (need.find_lack(config, study) for need in self.needs)), "")

    def find_in_table(self, table: Any) -> str:
        """Say what a prepared table lacks of the needs; nothing where it lacks nothing."""
        return next(filter(None, (need.find_in_table(table) for need in self.needs)), "")

    def is_wanted(self, config: Config) -> bool:
        """Whether a study asks for it, or it needs no request."""
        section, _, name = self.wanted_by.rpartition(".")
        with_key = bool(name and config[section][name])
        return not self.on_request or self.name in config["figures"]["extra"] or with_key

    def choose_parameters(self, config: Config, study: Study) -> dict[str, Any]:
        """Return the values of the parameters, by the last part of their names."""
        values = {}
        for key in self.parameters:
            section, _, name = key.rpartition(".")
            values[name] = config[section][name] if section else list(study.swept)
        return values


#: Tables in the order in which they are read; others follow.
TABLE_ORDER = (
    *("groups", "group_features", "features", "composition", "notable"),
    *("exchange", "boundaries", "structure", "evidence"),
    *("evaluation", "classes", "reliability", "sufficiency", "stability", "splits", "choice"),
    *("realizations", "effects", "sweep", "agreement", "clusters", "points"),
)


def in_reading_order(names: Iterable[str]) -> list[str]:
    """Return names of figures, those of READ_FIRST first."""
    first = {name: number for number, name in enumerate(READ_FIRST)}
    return sorted(names, key=lambda name: first.get(name, len(first)))


def choose_figures(figures: Iterable[Figure], config: Config, study: Study) -> list[Figure]:
    """Return the figures that a study has: those without request that it can have, and its extra.

    Raises ConfigError: one of `figures.extra` cannot be drawn.
    """
    chosen, extra = [], config["figures"]["extra"]
    for figure in figures:
        if not figure.is_wanted(config):
            continue
        lack = figure.find_lack(config, study)
        if lack and figure.name in extra:
            raise ConfigError(f"figures.extra: {figure.name!r} cannot be drawn: {lack}")
        if not lack:
            chosen.append(figure)
    return chosen


def has_classes(data: Config) -> bool:
    """Whether the points of the section `data` have known classes."""
    bring_their_own = (data["source"] or "").startswith(SCHEMES)
    return data["label"] is not None or bring_their_own


def _require(text: str, found: Callable[[Config, Study], Any], lack: str) -> Need:
    return Need(text, lambda config, study: "" if found(config, study) else lack)


MAPS = _require(
    "maps",
    lambda config, study: study.realizations,
    "the realizations are label files and no maps; leave it out",
)
POINTS = _require(
    "points",
    lambda config, study: config["data"]["source"],
    "there is no data.source; leave it out",
)
CLASSES = _require(
    "known classes",
    lambda config, study: has_classes(config["data"]),
    "data.label names no known classes; name the column or dataset that holds them",
)
SAMPLES = _require(
    "`data.group`",
    lambda config, study: config["data"]["source"] and config["data"]["group"] is not None,
    "data.group names no column that says which sample points belong to",
)
CELLS = _require(
    "a grid",
    lambda config, study: (
        config["data"]["shape"] is not None or extension(config["data"]["source"] or "") in GRIDS
    ),
    "the points are no cells of a grid; give data.shape",
)
TEST_POINTS = _require(
    "`classification.test`",
    lambda config, study: config["classification"]["test"] is not None,
    "classification.test names no points to classify",
)
SEVERAL = _require(
    "several realizations",
    lambda config, study: len(study.realizations) + len(study.labels) > 1,
    "there is one realization only; leave it out",
)
CANDIDATES = _require(
    "`ensemble.consensus: coassociation`",
    lambda config, study: config["ensemble"]["consensus"] == "coassociation",
    "nothing is known of other numbers of groups; set ensemble.consensus to coassociation",
)
HALVES = _require(
    "at least four realizations",
    lambda config, study: len(study.realizations) + len(study.labels) >= 4,
    "there are fewer than four realizations; leave it out",
)
SWEEP = _require(
    "a sweep", lambda config, study: study.swept, "no parameter of the maps varies; leave it out"
)
SETTINGS = _require(
    "`ensemble.per`", lambda config, study: config["ensemble"]["per"], "ensemble.per is empty"
)
HISTORY = _require(
    "`training.history`",
    lambda config, study: config["training"]["history"],
    "no errors are kept; set training.history to 100",
)
WEIGHTS = _require(
    "`training.snapshots`",
    lambda config, study: config["training"]["snapshots"],
    "no weights are kept; set training.snapshots to 6",
)
STAGES = _require(
    "several `training.snapshots`",
    lambda config, study: config["training"]["snapshots"] > 1,
    "no weights are kept; set training.snapshots to 6",
)

#: Sections of the report in the order that they are read.
SECTIONS = RESULT, TRUST, PARAMETERS, MAP, GRID, TABLES, PROVENANCE = (
    *("1 Result", "2 Trust", "3 Parameters", "4 Map", "5 Grid"),
    *("6 Tables", "7 Provenance"),
)

#: Figures in the order that they are read in their section; others follow.
READ_FIRST = (
    *("profiles", "group_map", "signal", "composition"),
    *("evidence", "sufficiency", "confidence", "exchange", "reliability", "stability"),
    *("agreement", "effects", "quality"),
    *("node_groups", "umatrix", "component_planes", "hits"),
)

_of_a_map = partial(
    Figure,
    section=MAP,
    needs=[MAPS],
    inputs=["maps", "ensemble", "data"],
    parameters=["figures.realization"],
)
_map_on_request = partial(_of_a_map, needs=[MAPS, CLASSES], on_request=True)
_of_realizations = partial(Figure, section=PARAMETERS, tables=["realizations"])
_of_an_ensemble = partial(Figure, section=RESULT, inputs=["ensemble"])
_of_trust = partial(_of_an_ensemble, section=TRUST)
_COLOURED = ["swept", "figures.color_by"]

#: Figures of the core.
FIGURES = (
    _of_a_map(
        "umatrix",
        "kohorte.figures.maps",
        "Which clusters does a map have, and which basins were merged into them?",
    ),
    _of_a_map("component_planes", "kohorte.figures.maps", "How does each feature vary over a map?"),
    _of_a_map(
        "hits",
        "kohorte.figures.maps",
        "How many points, and of which classes, belong to each node of a map?",
    ),
    _of_a_map(
        "snapshots",
        "kohorte.figures.training",
        "How does a map unfold among the points during training?",
        needs=[MAPS, WEIGHTS],
    ),
    _of_realizations(
        "quality",
        "kohorte.figures.quality",
        "Which settings are best in quantization and topographic error?",
        needs=[MAPS],
        inputs=["ensemble"],
        tables=["realizations", "choice"],
        parameters=_COLOURED,
    ),
    _of_realizations(
        "history",
        "kohorte.figures.training",
        "How do errors and radius of all maps change during training?",
        needs=[MAPS, HISTORY],
        inputs=["maps", "ensemble"],
        parameters=_COLOURED,
    ),
    _of_realizations(
        "clusters",
        "kohorte.figures.realizations",
        "How many clusters do the realizations have, and which parameters change that?",
        parameters=["swept"],
    ),
    _of_realizations(
        "agreement",
        "kohorte.figures.agreement",
        "Which realizations agree with each other?",
        needs=[SEVERAL],
        inputs=["ensemble"],
        parameters=["swept"],
    ),
    _of_realizations(
        "effects",
        "kohorte.figures.agreement",
        "Which parameters matter for the agreement of realizations?",
        needs=[SWEEP],
        tables=["effects"],
    ),
    _of_realizations(
        "sweep",
        "kohorte.figures.sweep",
        "How do errors, clusters and ensembles depend on the setting of a sweep?",
        needs=[SETTINGS],
        tables=["sweep"],
        parameters=["ensemble.per"],
    ),
    _of_trust(
        "ranking",
        "kohorte.figures.ensemble",
        "How significant are the clusters, and into which groups does that separate them?",
    ),
    _of_trust(
        "stability",
        "kohorte.figures.stability",
        "How certain is the significance of each cluster?",
        needs=[SEVERAL],
        inputs=[],
        tables=["stability"],
    ),
    _of_an_ensemble(
        "similarity",
        "kohorte.figures.ensemble",
        "Which clusters of all realizations are alike, and which consensus groups do they form?",
    ),
    _of_trust(
        "evidence",
        "kohorte.figures.evidence",
        "What speaks for which number of groups, in which level of fineness?",
        needs=[CANDIDATES, SEVERAL],
    ),
    _of_trust(
        "sufficiency",
        "kohorte.figures.stability",
        "How many realizations give the same consensus as as many others?",
        needs=[HALVES],
        inputs=[],
        tables=["sufficiency"],
        parameters=["ensemble.enough"],
    ),
    _of_trust(
        "splits",
        "kohorte.figures.splits",
        "Which consensus groups split into which as more of them are asked for?",
        needs=[SEVERAL],
        tables=["splits"],
    ),
    _of_an_ensemble(
        "profiles",
        "kohorte.figures.profiles",
        "What are the consensus groups like, and which features tell them apart?",
        needs=[POINTS],
        inputs=["data"],
        tables=["group_features"],
        parameters=["figures.profiles"],
    ),
    _of_an_ensemble(
        "signal",
        "kohorte.figures.points",
        "Where do the consensus groups lie in two features, and do they match the classes?",
        needs=[POINTS],
        inputs=["ensemble", "data"],
        parameters=["figures.features"],
    ),
    _of_an_ensemble(
        "group_map",
        "kohorte.figures.grids",
        "Where on the grid are the consensus groups, and how sure are they?",
        needs=[POINTS, CELLS],
        inputs=["ensemble", "data"],
    ),
    _of_an_ensemble(
        "signal_cuts",
        "kohorte.figures.signal_cuts",
        "How is the stacked signal distributed, and which points do its cut-offs separate?",
        needs=[POINTS],
        inputs=["ensemble", "data"],
        parameters=["figures.features", "ensemble.signal_cuts"],
        on_request=True,
        wanted_by="ensemble.signal_cuts",
    ),
    _of_trust(
        "confidence",
        "kohorte.figures.points",
        "How sure is the consensus of each point?",
        needs=[POINTS],
        inputs=["ensemble", "data", "maps"],
        parameters=["figures.features", "figures.realization"],
    ),
    _of_trust(
        "exchange",
        "kohorte.figures.exchange",
        "Which groups exchange points: which one is second choice of the votes for which?",
        needs=[SEVERAL],
        inputs=[],
        tables=["exchange"],
    ),
    _of_an_ensemble(
        "composition",
        "kohorte.figures.composition",
        "Which groups does each sample consist of?",
        needs=[POINTS, SAMPLES],
        inputs=[],
        tables=["composition"],
    ),
    _of_trust(
        "reliability",
        "kohorte.figures.reliability",
        "Is the confidence of the points what it says: how many of them are right?",
        needs=[POINTS, CLASSES],
        inputs=[],
        tables=["reliability"],
    ),
    _of_a_map(
        "node_groups",
        "kohorte.figures.classes",
        "Where on a map do the consensus groups lie, and how pure are its nodes?",
        inputs=["maps", "ensemble"],
    ),
    _map_on_request(
        "node_difference",
        "kohorte.figures.classes",
        "How far are the weights of each node from those of its neighbours?",
        inputs=["maps", "ensemble"],
        needs=[MAPS],
    ),
    _map_on_request(
        "feature_map",
        "kohorte.figures.classes",
        "How does one feature, `figures.feature`, vary over a map?",
        parameters=["figures.realization", "figures.feature"],
        needs=[MAPS],
    ),
    _map_on_request(
        "marginals",
        "kohorte.figures.marginals",
        "Are the nodes of a map distributed as the points, feature by feature?",
        needs=[MAPS],
    ),
    _map_on_request(
        "projections",
        "kohorte.figures.classes",
        "Where on a map do the first thousand points of each class lie?",
    ),
    _map_on_request(
        "class_projections",
        "kohorte.figures.classes",
        "Where do they lie, with a small map for each class?",
    ),
    _map_on_request(
        "node_classes",
        "kohorte.figures.classes",
        "Which class is the commonest of each node?",
    ),
    _of_realizations(
        "classification",
        "kohorte.figures.classes",
        "How well are the classes of test points found, by the number of neighbours?",
        needs=[MAPS, CLASSES, TEST_POINTS],
        tables=["classification"],
        on_request=True,
    ),
    _of_realizations(
        "schedule",
        "kohorte.figures.schedules",
        "How do learning rate, radius and kernel change as training goes on?",
        needs=[MAPS],
        inputs=["maps", "ensemble", "data"],
        parameters=_COLOURED,
        on_request=True,
    ),
    _of_trust(
        "overlap_matrices",
        "kohorte.figures.ensemble",
        "How do overlap, disagreement and significance of all pairs of clusters compare?",
        needs=[SEVERAL],
        on_request=True,
    ),
    _map_on_request(
        "umatrix_contours",
        "kohorte.figures.umatrix_stages",
        "What does the U-matrix look like as a landscape with contours?",
        inputs=["maps", "ensemble"],
        needs=[MAPS],
    ),
    _map_on_request(
        "umatrix_stages",
        "kohorte.figures.umatrix_stages",
        "How does the U-matrix form at six moments of training?",
        needs=[MAPS, STAGES],
        inputs=["maps", "ensemble"],
    ),
)


def all_figures(modules: Iterable[StudyModule]) -> list[Figure]:
    """Return the table of figures: rows of the core, and those of modules of studies."""
    return [*FIGURES, *(figure for module in modules for figure in module.figures)]
