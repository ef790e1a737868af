"""The task of SimpSOM that is compared with kohorte, in an environment of its own.

It runs in the environment of envs/simpsom.txt and must not import kohorte. Points (N, F), weights
(M, F) and the results of training are float32 .npy files, as in map_peers.
"""

from collections.abc import Callable
from importlib import metadata
from time import process_time

import numpy as np


def epoch(
    points: str,
    weights: str,
    rows: int,
    xdim: int,
    ydim: int,
    metric: str,
    batch_size: int,
    output: str | None = None,
) -> Callable[[], dict]:
    """Take the processor time of one epoch of batch training with the first ``rows`` points.

    Training begins with a loop over all pairs of nodes, and an epoch with a call of
    ``update_sigma``: from there on the only epoch is timed. The weights are left in the file
    ``output`` if one is given; the answer is the release.
    """
    from simpsom import SOMNet

    class Timed(SOMNet):
        def update_sigma(self, n_iter: int) -> None:
            self.begin = process_time()
            super().update_sigma(n_iter)

    data, start = np.load(points, mmap_mode="r")[:rows], np.load(weights)
    # The nodes of SimpSOM go through the columns, one by one.
    order = np.arange(xdim * ydim).reshape(ydim, xdim).T.ravel()

    def run() -> dict:
        net = Timed(ydim, xdim, data, metric=metric, PBC=True)
        for node, row in zip(net.node_list, order, strict=True):
            node.weights = start[row]
        net.train("batch", epochs=1, batch_size=batch_size)
        seconds = process_time() - net.begin
        if output is not None:
            trained = np.empty_like(start)
            trained[order] = [node.weights for node in net.node_list]
            np.save(output, trained)
        return {"seconds": seconds, "answer": metadata.version("simpsom")}

    return run


#: Name -> task.
TASKS: dict[str, Callable[..., Callable[[], dict]]] = {"epoch": epoch}
