"""Figure of what speaks for which number of groups."""

import numpy as np
from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from kohorte import store
from kohorte.ensemble.consensus import Candidates
from kohorte.figures.reading import Inputs, Parameters
from kohorte.figures.style import (
    INK,
    SINGLE_COLUMN,
    Style,
    legend_below,
    line_style,
    log_axis,
    new_figure,
    paper_style,
    plain_numbers,
    plural,
)

_MANY = 20  # groups, beyond which their number is on a logarithmic axis


@paper_style()
def evidence_figure(evidence: Candidates | None, chosen: int) -> Figure:
    """Draw the score of each number of groups, with a line for each level of fineness.

    `chosen` is the number of groups; it is marked where a candidate has it, in the level where that
    has the highest score. Without candidates the axes are empty.
    """
    figure = new_figure(SINGLE_COLUMN, 2.7)
    axes = figure.subplots()
    handles: list[Artist] = []
    if evidence is not None and evidence.score.size:
        for level in np.unique(evidence.level).tolist():
            of_level = np.flatnonzero(evidence.level == level)
            of_level = of_level[np.argsort(evidence.n_groups[of_level])]
            line: Style = line_style(level) | {"ms": 3, "lw": 1.2}
            axes.plot(evidence.n_groups[of_level], evidence.score[of_level], **line)
            handles.append(Line2D([], [], label=f"level {level}", **line))
        if chosen in evidence.n_groups:
            best = int(np.flatnonzero(evidence.n_groups == chosen)[0])
            mark: Style = {"linestyle": "", "marker": "o", "markersize": 9, "markeredgecolor": INK}
            mark |= {"markerfacecolor": "none", "markeredgewidth": 1.2}
            axes.plot(chosen, evidence.score[best], **mark)
            handles.append(Line2D([], [], label=f"chosen: {plural(chosen, 'group')}", **mark))
        if evidence.n_groups.max() > _MANY:
            log_axis(axes, "x", whole=True)
        else:
            plain_numbers(axes.xaxis, 8, integer=True)
        axes.axhline(0, color=INK, lw=0.5)
    else:
        axes.set(xticks=[], yticks=[])
        text = "no number of groups to compare"
        handles.append(Line2D([], [], linestyle="", label=text))
    axes.set(xlabel="Number of groups", ylabel="Score (separation and support)")
    legend_below(figure, handles, most=3)
    return figure


def draw_evidence(inputs: Inputs, parameters: Parameters) -> Figure:
    """Draw `evidence` from the files of a study."""
    consensus = store.read_ensemble(inputs["ensemble"]).consensus
    return evidence_figure(consensus.evidence, consensus.n_groups)
