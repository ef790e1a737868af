"""Limits that results and the plan of a workflow share."""

#: Most clusters of all realizations together: the counts of all pairs then take 800 MB.
MAX_CLUSTERS = 10_000
