"""Compile what studies of both recipes run, into numba's cache: the first study need not wait.

Numba keeps compiled functions beside their source, by the processor that they were compiled for.
"""

import numpy as np

from kohorte import SOMEnsemble

if __name__ == "__main__":
    table = np.random.default_rng(0).normal(size=(240, 3)).astype(np.float32)
    for recipe in ("resolved", "published"):
        ensemble = SOMEnsemble(recipe=recipe, random_state=0).fit(table)
        ensemble.predict(table[:10])
