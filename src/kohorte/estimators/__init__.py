"""scikit-learn estimators: one map, and an ensemble of maps with its consensus.

Features are taken as they are: scaling them is the caller's, with a StandardScaler before the
estimator in a Pipeline, say. NaN stands for a missing value.
"""

from kohorte._checks import extra

with extra("estimators"):
    from kohorte.estimators.ensemble import N_REALIZATIONS, SOMEnsemble, load_study
    from kohorte.estimators.som import SOM

__all__ = ["N_REALIZATIONS", "SOM", "SOMEnsemble", "load_study"]
