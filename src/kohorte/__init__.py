"""kohorte: ensembles of self-organizing maps and clusters whose significance is measured."""

__version__ = "0.1.0"
