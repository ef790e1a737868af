"""The study that this run is about, and the functions that rules use."""

import atexit
import json
import os
import sys
from contextlib import ExitStack, suppress
from functools import cache
from pathlib import Path
from types import SimpleNamespace

from snakemake.common.configfile import load_configfile
from snakemake.exceptions import WorkflowError
from snakemake.io import ancient, flag, get_flag_value, is_flagged
from snakemake.logging import logger
from snakemake.path_modifier import PATH_MODIFIER_FLAG
from snakemake.settings.types import RerunTrigger
from snakemake.utils import update_config

# The library beside this workflow, also for scripts in an environment that holds only its
# dependencies (--sdm conda). A workflow that is read from a repository, or from the package that
# `kohorte run` belongs to, uses the installed one.
LIBRARY = Path(str(workflow.current_basedir)).parents[1] / "src"
if (LIBRARY / "kohorte" / "__init__.py").is_file():
    sys.path.insert(0, str(LIBRARY))
    os.environ.update(
        PYTHONPATH=os.pathsep.join([str(LIBRARY), *filter(None, [os.getenv("PYTHONPATH")])])
    )

from kohorte._checks import check_slabs
from kohorte._limits import count_rounds
from kohorte._processes import heed_interrupts
from kohorte._references import TABLES_PER_JOB, choose_maps, list_tables
from kohorte._text import dump_for_script
from kohorte.data.names import copy_name, is_file, label_parts, locate, reading_parts
from kohorte.errors import ConfigError, KohorteError, MissingFileError
from kohorte.maps.parameters import count_epochs, trains_by_sums
from kohorte.provenance import imported_parts, library_digest, plan_digest
from kohorte.studies import load_modules
from kohorte.study import claims
from kohorte.study.config import (
    check_config,
    load_schema,
    map_paths,
    path_keys,
    portable_config,
    read_config,
)
from kohorte.study.figures import (
    PROVENANCE,
    TABLES as TABLES_SECTION,
    TABLE_ORDER,
    all_figures,
    choose_figures,
    in_reading_order,
)
from kohorte.study.groups import check_group_names
from kohorte.study.limits import check_limits
from kohorte.study.logs import unwritten_once
from kohorte.study.modules import prepare_config
from kohorte.study.outside import (
    check_named,
    content_digest,
    explain_missing,
    named_files,
    plain_name,
    plain_path,
)
from kohorte.study.plan import batches, plan_study
from kohorte.study.reading import read_study
from kohorte.study.runs import (
    VARIABLE as RECORD_VARIABLE,
    check_content,
    check_memory,
    check_owner,
    decides_itself,
    describe_version,
    listed_results,
    read_record,
    remove_former,
    run_record,
    study_origin,
    write_owner,
    write_record,
)
from kohorte.study.slurm import outlast_controller
from kohorte.study.terminal import is_shown_from_logs, show_stages

# What rules in folders of several depths have in common.
ENVIRONMENT = workflow.current_basedir.join("../../envs/kohorte.yaml")
RUN_STEP = workflow.current_basedir.join("../../scripts/run_step.py")
RUN_STEP = (
    RUN_STEP.get_path_or_uri(secret_free=True)
    if RUN_STEP.is_local
    else workflow.sourcecache.get_path(RUN_STEP)
)

# The studies that come with kohorte, and what their rules add to every study that has it: tables,
# other results, and files that say what they were made from, by their kind.
MODULES = load_modules()
MODULE_TABLES, MODULE_RESULTS, ORIGINS = [], [], {}

# Where this workflow puts a file: a workflow that uses it as a module may have a prefix for all.
located = workflow.modifier.path_modifier.replace_prefix


def locate_made(path):
    """Where a file of the configuration lies: moved where this workflow makes it, else as given."""
    made = path.startswith((f"results/{config['study']}/", "results/resources/"))
    return located(path) if made else locate(path)


# Here this workflow is the one that runs; else another one uses it as a module, and has read its files.
IS_MAIN = workflow.modifier.is_main_snakefile()
RECORD = run_record(workflow.configfiles, workflow.config_settings.config_args or [])

# A run is shown stage by stage, and what is none (a dry run) as Snakemake does.
SHOWS_STAGES = False
if IS_MAIN and workflow.is_main_process:
    heed_interrupts()
    settings = workflow.output_settings
    SHOWS_STAGES = show_stages(
        logger,
        sys.stdout if settings.stdout else sys.stderr,
        color=not settings.nocolor,
        runs=not (settings.dryrun or settings.verbose or settings.quiet or settings.debug_dag),
    )
elif is_shown_from_logs():
    # The run says in its own words that a script has failed.
    logger.addFilter(lambda record: "CalledProcessError" not in str(record.msg))


def read_again():
    """The configuration as kohorte reads it, and the digests that a run started with."""
    if not IS_MAIN:
        return config, {}
    if not workflow.is_main_process:
        # What a file says by now is for the next run.
        started_with, content = read_record(RECORD)
        if started_with is not None:
            os.environ[RECORD_VARIABLE] = os.path.abspath(RECORD)
            return started_with, content
    read = read_study(workflow.configfiles, workflow.config_settings.config_args or [])
    as_snakemake_did = workflow.config_settings.overwrite_config
    if workflow.configfiles != workflow.config_settings.configfiles:
        as_snakemake_did = {}
        for file in workflow.configfiles:
            update_config(as_snakemake_did, load_configfile(file) or {})
        update_config(as_snakemake_did, workflow.config_settings.config)
    # A Snakefile that includes this one may have changed what was read.
    return (read if config == as_snakemake_did else config), {}


try:
    SCHEMA = load_schema(MODULES)
    as_read, STARTED_WITH = read_again()
    # A new one: that of a workflow that uses this one as a module stays as it is.
    config = prepare_config(check_config(as_read, SCHEMA), MODULES)
    config = map_paths(config, MODULES, locate_made)
    STUDY = plan_study(config, MODULES)
    check_group_names(config["groups"]["file"])
except ConfigError as error:
    raise WorkflowError(str(error)) from None

RESULTS = Path(located(f"results/{STUDY.name}/"))
OVERVIEW = str((RESULTS / "report" / "overview.rst").absolute())
HAS_MAPS = not STUDY.labels
HAS_DATA = config["data"]["source"] is not None
HAS_SAMPLES = config["data"]["group"] is not None
# Parts of the library that the source of this study is read with.
READING = reading_parts(config["data"]["source"])
PLANS = {plan.id: plan for plan in STUDY.realizations}
BATCHES = batches(STUDY.realizations, config["execution"]["realizations_per_job"])


# What is recorded while maps are trained.
RECORDING = {name: config["training"][name] for name in ("history", "snapshots")}

# Jobs whose maps are trained by epochs that are cut into slabs, and the most epochs of their maps.
EPOCH_SLABS = [f"{k:04d}" for k in range(config["execution"]["epoch_slabs"])]
EPOCHS = {
    batch: max(count_epochs(PLANS[identifier].parameters) for identifier in ids)
    for batch, ids in (BATCHES.items() if len(EPOCH_SLABS) > 1 else ())
    if all(trains_by_sums(PLANS[identifier].parameters) for identifier in ids)
}


wildcard_constraints:
    batch=r"\d+",
    part=r"\d+",
    slab=r"\d+",
    turn=r"\d+",


def map_plan(identifier):
    """What one map is trained with: id, seed and parameters."""
    plan = PLANS[identifier]
    return {"id": plan.id, "seed": plan.seed, "repeat": plan.repeat, "parameters": plan.parameters}


def batch_members(wildcards):
    """The realizations of one training job."""
    return [map_plan(identifier) for identifier in BATCHES[wildcards.batch]]


def training_state(wildcards, epoch):
    """The maps of a job after so many epochs, of those that are cut into slabs."""
    return str(RESULTS / f"training/{wildcards.batch}/{epoch}.h5")


def planned_maps(wildcards):
    """Digests of all plans by id, which the maps that are combined must have."""
    return {identifier: plan_digest(map_plan(identifier)) for identifier in PLANS}


def count_losses(index):
    """How often files that a job had finished were lost, with those that are gone now.

    Snakemake follows the index of a job and not the files that it lists, so it learns of a deleted
    one through the change of this parameter. The job keeps the number, and so the parameter stays
    the same when the files are there again. It is named, since Snakemake compares the parameters of
    a job as a set of values.
    """
    try:
        known = json.loads(index.with_suffix(".losses").read_text(encoding="utf-8"))
        gone = any(not Path(index.parent, file).exists() for file in known["files"])
        return {"losses": known["losses"] + gone}
    except FileNotFoundError:
        return {"losses": 0}
    except (ValueError, TypeError, KeyError):
        return {"losses": -1}


def step(function, *parts):
    """Params for RUN_STEP, which runs a function of the library, given as module:function.

    parts: what its digest covers beside the function itself.
    """
    return {"step": function, "library": library_digest(function, *parts)}


@cache
def is_made(path):
    """Whether a rule makes a file, of this workflow or of one that uses it as a module."""
    return any(rule.is_producer(path) for rule in workflow.rules)


# Files that the configuration names, by input: key and path.
NAMED = {}


def given(key, paths):
    """Files that a key of the configuration names, as input of a rule that has their content_of.

    Which content they have decides, so their dates count only where a rule makes them, or where
    parameters are no reason to run a rule again.
    """

    def as_input(path):
        file = as_given(plain_path(path, key))
        by_content = RerunTrigger.PARAMS in workflow.rerun_triggers
        return ancient(file) if by_content and not is_made(path) else file

    for path in [paths] if isinstance(paths, str) else paths or []:
        with suppress(ConfigError):  # of which the input says more
            NAMED[plain_path(path, key)] = (key, path)

    def files(wildcards):
        if isinstance(paths, str):
            return as_input(paths) if is_file(paths) else []
        return [as_input(path) for path in paths or []]

    return files


def as_given(path):
    """A file that the configuration names, which has its prefix where it needs one."""
    return flag(path, PATH_MODIFIER_FLAG)


# Name of the copy of the table with the group of each row, and whether it is part of the study: not
# where the table is large, or made by another rule.
LARGEST_COPY = 200_000_000
COPY_NAME = copy_name(plain_name(config["data"]["source"])) if HAS_DATA else None


def is_copied(source):
    """Whether the table is copied without being asked for."""
    made = source.startswith(("results/", located("results/")))
    path = Path(locate(source))
    return not made and path.is_file() and path.stat().st_size <= LARGEST_COPY


IS_COPIED = COPY_NAME is not None and is_copied(config["data"]["source"])


def as_it_is(value):
    """A text of the user as a parameter of a rule, in which braces are no pattern."""
    return lambda wildcards: value


# What the study reads from outside: the files, by key, that its results come from.
SOURCES = named_files(config, path_keys(MODULES))


digest_once = cache(content_digest)


def content_of(key, paths=None):
    """Digests of the files of a key of the configuration, as a parameter of the rule that reads them.

    Named, since Snakemake compares the parameters of a job as a set of values.
    """
    paths = SOURCES.get(key, []) if paths is None else paths

    def digests(wildcards):
        found = [digest_once(path) for path in paths if not is_made(path)]
        check_content(key, found, STARTED_WITH)
        return {key: found}

    return digests


def contents(wildcards):
    """Digests of all files that results come from, by key, as they are now."""
    return {key: digest for name in SOURCES for key, digest in content_of(name)(wildcards).items()}


# How label files are read, and what of the library does it.
LABEL_READING = {
    "name": config["realizations"]["label_name"],
    "noise": config["realizations"]["noise"],
    "options": config["realizations"]["label_options"],
}
LABEL_PARTS = label_parts(STUDY.labels.values())


def label_sources():
    """What holds the labels: the indexes of trained maps, or the given label files."""
    if HAS_MAPS:
        return expand("<results>/realizations/batches/{batch}.json", batch=BATCHES)
    return given("realizations.labels", list(STUDY.labels.values()))


# The table of figures, those that this study has, where the captions of modules are, and inputs that
# are no `<results>/<name>.h5`.
ALL_FIGURES = all_figures(MODULES)
DRAWN_FIGURES = choose_figures(ALL_FIGURES, config, STUDY)
CAPTIONS = {
    figure.name: f"../../{module.captions}" for module in MODULES for figure in module.figures
}
FIGURE_INPUTS = {"maps": label_sources() if HAS_MAPS else []}


# The table and its references that have no groups, cut into jobs, and the maps that are trained on each.
STRUCTURE_PARTS = {}
if HAS_MAPS and config["structure"]["references"]:
    tables = list_tables(config["structure"]["references"], config["structure"]["kinds"])
    STRUCTURE_PARTS = {
        f"{k:03d}": tables[start : start + TABLES_PER_JOB]
        for k, start in enumerate(range(0, len(tables), TABLES_PER_JOB))
    }
STRUCTURE_FILES = expand("<results>/structure/{part}.json", part=STRUCTURE_PARTS)
STRUCTURE_MEMBERS = [
    {"seed": plan.seed, "parameters": plan.parameters} for plan in choose_maps(STUDY.realizations)
]


# What groups are called, where a file says so; nothing where none does.
GROUP_NAMES = "<results>/groups.json" if config["groups"]["file"] else []


# How realizations are combined, and points labelled by vote.
COMBINING = {
    name: config["ensemble"][name]
    for name in ["identical", "threshold", "consensus", "groups", "votes"]
}


def data_file():
    """The prepared table, where the study has one."""
    return "<results>/data.h5" if HAS_DATA else []


def count_slabs():
    """Number of jobs that overlaps are counted in, from the config or the size of the files."""
    slabs = config["execution"]["slabs"]
    if slabs != "auto":
        return slabs
    files = STUDY.labels.values() if STUDY.labels else [config["data"]["source"]]
    paths = [Path(locate(file)) for file in files]
    size = sum(path.stat().st_size for path in paths if path.is_file())
    return max(1, -(-size // (8 << 30)))


SLABS = [f"{k:04d}" for k in range(count_slabs())]


def figure_inputs(figures):
    """What some figures are drawn from, by name."""
    inputs = {
        name: FIGURE_INPUTS.get(name, f"<results>/{name}.h5") for f in figures for name in f.inputs
    }
    inputs |= {"names": GROUP_NAMES} if GROUP_NAMES else {}
    return inputs | {name: f"<results>/tables/{name}.csv" for f in figures for name in f.tables}


def figure_files(figure, mark=lambda file: file):
    """The files of a figure, for the report, too."""
    shown = {drawn.name for drawn in DRAWN_FIGURES} | {figure.name}
    others = [other.name for other in ALL_FIGURES if other.section == figure.section]
    order = in_reading_order(name for name in others if name in shown).index(figure.name)
    named = {
        "no.": f"{order + 1:02}",
        "question": figure.question.replace("`", ""),
        "figure": figure.name.replace("_", " "),
    }
    files = []
    # Snakemake's report shows the form that is called yes first.
    for suffix in [*(s for s in FORMATS if s != "png"), "png"]:
        form, as_picture = f".{suffix}", "yes" if suffix == "png" else "no"
        file = report(
            f"<results>/figures/{figure.name}{form}",
            caption=f"{CAPTIONS.get(figure.name, '../report')}/{figure.name}.rst",
            category=figure.section,
            labels=named | {"as picture": as_picture},
        )
        files.append(mark(file))
    return files


def table_labels(name):
    """Labels of a table in Snakemake's report, where it lies beside its page."""
    order = TABLE_ORDER.index(name) if name in TABLE_ORDER else len(TABLE_ORDER)
    return {"no.": f"{order + 1:02}", "table": name, "viewable": "no"}


def find_reported(tables):
    """Title and category of those tables that Snakemake's report has as files, and so as pages."""
    told = {
        Path(str(file)).stem: get_flag_value(file, "report")
        for one in workflow.rules
        for file in one.output
        if Path(str(file)).suffix == ".csv" and is_flagged(file, "report")
    }
    names = [Path(str(file)).stem for file in tables]
    found = {n: (told[n].labels["table"], told[n].category) for n in names if n in told}
    return found | {n: (n, PROVENANCE) for n in ("configuration", "provenance")}


def show_sheet(name, title, category):
    """A table as a page, for the report."""
    page = report(
        f"<results>/report/{name}.html",
        caption="../report/sheet.rst",
        category=category,
        labels=table_labels(title) | {"viewable": "yes"},
    )
    return page


# PNG is always among the formats: the reports show it.
FORMATS = list(dict.fromkeys([*config["figures"]["format"], "png"]))

# The font of figures is the name of one that is installed, or a file.
FONT_FILE = Path(config["figures"]["font"] or "")
FONT_CONTENT = f" {content_digest(FONT_FILE)[:16]}" if FONT_FILE.is_file() else ""


def figure_jobs(figures):
    """What the script must know of some figures; what changes it changes the figure."""
    return {
        figure.name: {
            "module": figure.module,
            "inputs": [*figure.inputs, *figure.tables, *(["names"] if GROUP_NAMES else [])],
            "parameters": figure.choose_parameters(config, STUDY),
            "library": library_digest(*imported_parts(figure.module)) + FONT_CONTENT,
        }
        | {k: config["figures"][k] for k in ("font", "width") if config["figures"][k]}
        | ({"formats": FORMATS} if set(FORMATS) != {"pdf", "png"} else {})
        | ({"dpi": config["figures"]["dpi"]} if config["figures"]["dpi"] != 300 else {})
        for figure in figures
    }


def read_captions(wildcards):
    """Captions of figures and tables, as `figures/<name>` and `tables/<name>`."""
    found = {}
    for one in workflow.rules:
        for file in one.output:
            told = get_flag_value(file, "report")
            if told and told.caption:
                path = Path(str(file))
                found[f"{path.parent.name}/{path.stem}"] = told.caption
    return {name: workflow.sourcecache.open(caption).read() for name, caption in found.items()}


def changed_settings():
    """What the configuration says beyond the defaults of its recipe, by dotted key."""
    given = {name: config[name] for name in ("study", "recipe")}
    default = portable_config(prepare_config(check_config(given, SCHEMA), MODULES), MODULES)
    changed = {}
    for name, value in portable_config(config, MODULES).items():
        if not isinstance(value, dict):
            changed |= {} if name != "study" and value == default.get(name) else {name: value}
            continue
        usual = default.get(name) or {}
        changed |= {f"{name}.{k}": v for k, v in value.items() if k not in usual or v != usual[k]}
    return changed


def figure_origins(wildcards):
    """Rule and input files of each figure of the study, by the name of its file."""
    made = {f.name: getattr(rules, f"plot_{f.name}") for f in DRAWN_FIGURES}
    return {
        Path(str(file)).name: {
            "rule": f"plot_{name}",
            "inputs": sorted({str(f) for f in rule.input}),
        }
        for name, rule in made.items()
        for file in rule.output
    }


def escape_reports():
    """Keep texts of users from ending the scripts of Snakemake's report, in which they are data."""
    from snakemake.report import html_reporter

    escaping = SimpleNamespace(**(vars(json) | {"dumps": dump_for_script}))
    for name, part in list(sys.modules.items()):
        if name.startswith(html_reporter.__name__) and hasattr(part, "json"):
            part.json = escaping


def tell(**told):
    """Say what the terminal shows of this run; True where it is kohorte's own that shows it."""
    if SHOWS_STAGES:
        logger.info("", extra={"kohorte": told})
    return SHOWS_STAGES


# Results that the study has when a run starts.
FORMER = set()


def start_run(log):
    """Say that this run goes on, leave for its jobs what it started with, say what results are of."""
    try:
        whole = set(workflow.dag_settings.targets) <= {"all"}
        claim = claims.join(STUDY.name, whole=whole)
    except KohorteError as error:
        raise WorkflowError(str(error)) from None
    atexit.register(claims.leave, claim)
    if plugin := sys.modules.get("snakemake_executor_plugin_slurm"):
        outlast_controller(plugin)
    FORMER.update(listed_results(RESULTS))
    content = contents(None)
    keys = {*SOURCES, "prediction.source"}
    files = {
        plain: (key, digest_once(path))
        for plain, (key, path) in NAMED.items()
        if key in keys and is_file(path) and not is_made(path)
    }
    write_record(RECORD, as_read, content, files)
    os.environ[RECORD_VARIABLE] = os.path.abspath(RECORD)
    tell(study=STUDY.name, log=log, maps={batch: len(ids) for batch, ids in BATCHES.items()})
    if HAS_DATA or STUDY.labels:
        # Where nothing can be written, the first job says so, and what to do.
        with suppress(OSError, KohorteError):
            origin = study_origin(config, workflow.configfiles, content)
            write_owner(RESULTS, origin, whole=whole)


def explain(record):
    """Say of a missing file which key names it, and where it was looked for."""
    text = explain_missing(str(record.msg), NAMED)
    if text:
        record.msg, record.args = text, None
    return True


QUIET = ExitStack()


def check_study():
    """Refuse to mix two studies of one name, and files that are none, before anything is planned."""
    logger.addFilter(explain)
    # Of a full disk the log of Snakemake itself says so once, and not for each of its lines.
    QUIET.enter_context(unwritten_once())
    atexit.register(QUIET.close)
    try:
        check_limits(workflow.resource_settings.cores or 1)  # none with a profile of a cluster
        if (
            "verify" not in sys.argv
        ):  # it reads results alone, and says what became of their sources
            for key, path in NAMED.values():
                if is_file(path) and not is_made(path):
                    check_named(key, path, RESULTS)
        origin = study_origin(config, workflow.configfiles, contents(None))
        notice = check_owner(RESULTS, origin)
        if not decides_itself(sys.argv):
            check_memory(RESULTS, settings_of(config), read_settings, contents(None))
    except ConfigError as error:
        raise WorkflowError(str(error)) from None
    version = describe_version(RESULTS, origin)
    former = "" if "--unlock" in sys.argv else claims.describe_claims(STUDY.name)
    for text in filter(None, [notice, version, former]):
        logger.warning(f"kohorte: {text}")


def settings_of(config):
    """What results follow from, with the names of files alone: what is in them counts by itself."""

    def named(path):
        return Path(path).name if is_file(path) else path

    return map_paths(portable_config(config, MODULES), MODULES, named)


def read_settings(path):
    """The settings in the `config.yaml` of results, with defaults for keys that are newer."""
    return settings_of(prepare_config(check_config(read_config(path), SCHEMA), MODULES))


def look_at_data():
    """In a dry run: refuse a table that the job would refuse, before any job.

    What comes after the maps is looked at, too, and warned of.
    """
    if not workflow.output_settings.dryrun:
        return
    from kohorte.command import checking  # takes a second, which other runs do without
    from kohorte.data import prepared

    table, found = None, checking.Findings()
    try:
        if HAS_DATA and not is_made(config["data"]["source"]):
            table = prepared.look_at_data(config["data"], seed=config["seed"])
        if table is not None:
            check_slabs(config["execution"]["slabs"], len(table.features))
    except MissingFileError:
        pass  # Snakemake finds out whether it is needed
    except KohorteError as error:
        raise WorkflowError(str(error)) from None
    checking.check_uses(found, config, table)
    for fault in found.faults:  # which targets there are is not known yet
        logger.warning(f"kohorte: {fault} (what needs it will stop)")


def end_run():
    """Show what the run was for: the summary of the study, or what else was asked for."""
    targets = set(workflow.dag_settings.targets)
    summary, ensemble, ends = RESULTS / "summary.txt", RESULTS / "ensemble.h5", []
    if not targets or targets - {"verify", "bundle_study"}:
        both = summary.exists() and ensemble.exists()
        if both and summary.stat().st_mtime >= ensemble.stat().st_mtime:
            ends.append(summary.read_text(encoding="utf-8"))
    if removed := remove_former(RESULTS, FORMER):
        shown = ", ".join(removed[:9]) + ", ..." * (len(removed) > 9)
        ends.append(f"Removed, as the study has them no more: {shown}")
    if "bundle_study" in targets:
        ends.append(f"{RESULTS / STUDY.name}.crate.zip")
    if "verify" in targets:
        ends.append(f"All results are as {RESULTS / 'MANIFEST'} lists them.")
    for text in ends:
        if not tell(end=text):
            print(f"\n{text}", flush=True)
