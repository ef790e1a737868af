"""Statistically combined ensembles: overlaps, significance, consensus, agreement and stability.

Everything here is a function of label arrays or of the contingency counts made from them; where
the labels come from does not matter. Import the modules by name: importing this package loads
nothing.
"""
