"""The page of a study, `report.html`: what was found, and whether to trust it.

It is one file that needs no network, with the figures and tables of the study in it. Equal studies
have equal pages: there is nothing of the time or machine in it.
"""
