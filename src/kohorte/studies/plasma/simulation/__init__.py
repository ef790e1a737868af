"""Kinetic simulations of plasma turbulence, run by another program in an environment of its own."""
