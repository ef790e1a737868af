"""Limits of an ensemble that a workflow, too, asks for while it plans."""

#: Most clusters of all realizations together: the counts of all pairs then take 800 MB.
MAX_CLUSTERS = 10_000
