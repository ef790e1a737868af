"""From maps and ensembles to conclusions: choice of parameters, classification, prediction."""
