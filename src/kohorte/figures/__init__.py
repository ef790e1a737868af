"""Figures of a study: plain arrays in, `matplotlib.figure.Figure` out; no files, no config."""
