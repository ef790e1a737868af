"""The page to ask an ensemble on, `explorer.html`: maps, points and votes with one selection.

It is one file that needs no network. Equal studies have equal pages.
"""
