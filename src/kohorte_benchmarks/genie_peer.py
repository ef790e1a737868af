"""Groups by Genie, for several numbers of groups: points.npz -> labels.npz.

    python genie_peer.py points.npz labels.npz

Runs in the environment of envs/genie.txt and must not import kohorte. The source holds points
(N, F) and numbers (G,) of groups; the target gets labels (G, N) and seconds (G,).
"""

import sys
import time

import numpy as np
from genieclust import Genie

GINI = 0.3

if __name__ == "__main__":
    with np.load(sys.argv[1]) as source:
        points, numbers = source["points"], source["numbers"].tolist()
    labels, seconds = [], []
    for k in numbers:
        start = time.perf_counter()
        found = Genie(n_clusters=k, gini_threshold=GINI).fit_predict(points)
        labels.append(np.asarray(found, dtype=np.int64))
        seconds.append(time.perf_counter() - start)
    np.savez(sys.argv[2], labels=np.array(labels), seconds=np.array(seconds))
