"""Figures of a study: plain arrays in, `matplotlib.figure.Figure` out; no files, no config."""

from kohorte._checks import extra

with extra("figures"):
    import matplotlib  # noqa: F401, every module here needs it
