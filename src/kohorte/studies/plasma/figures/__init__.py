"""Figures of plasmas."""
