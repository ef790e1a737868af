"""Benchmarks of the ensemble step: synthetic labels, what it is compared with, measuring.

Nothing else in the library depends on this package. Import the modules by name.
"""
