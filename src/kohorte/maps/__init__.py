"""Self-organizing maps: lattices, training, winners, U-matrix, clusters of nodes and quality.

Compiled kernels are imported by the functions that call them: numba takes its time to load.
"""
