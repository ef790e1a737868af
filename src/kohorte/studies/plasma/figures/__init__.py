"""Figures of groups of cells and of cuts through a grid."""
