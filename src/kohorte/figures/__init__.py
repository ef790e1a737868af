"""Figures of a study.

`<name>_figure` makes a `matplotlib.figure.Figure` of plain arrays, without files or configuration;
`draw_<name>` beside it calls it with what the files of a study say.
"""

from kohorte._checks import extra

with extra("figures"):
    import matplotlib  # noqa: F401, every module here needs it
