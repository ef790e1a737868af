"""Time SimpSOM's batch training on MNIST, in an environment that holds simpsom and h5py.

Usage: python scripts/peer_simpsom.py results/resources/mnist.h5 POINTS

Prints the processor time of one epoch of the tutorial's map with that many points and with twice as
many, and that of 60,000 points on the line through both. It takes no part in the workflow.
"""

import contextlib
import os
import sys
import time

SIDE, EPOCHS, BATCH, ALL_POINTS = 50, 1, 20, 60_000


def time_epoch(points):
    """Processor seconds of one more epoch of a map of these points."""
    import simpsom

    seconds = []
    for epochs in (1, 1 + EPOCHS):
        with contextlib.redirect_stdout(open(os.devnull, "w")):
            net = simpsom.SOMNet(SIDE, SIDE, points, metric="cosine", PBC=True, random_seed=32)
            begin = time.process_time()
            net.train("batch", epochs=epochs, batch_size=BATCH)
            seconds.append(time.process_time() - begin)
    return (seconds[1] - seconds[0]) / EPOCHS


if __name__ == "__main__":
    import h5py

    path, count = sys.argv[1], int(sys.argv[2])
    with h5py.File(path) as file:
        images = file["features"][: 2 * count].astype("float32")
    once, twice = time_epoch(images[:count]), time_epoch(images)
    scaled = once + (twice - once) * (ALL_POINTS - count) / count
    print(f"{count} points: {once:.1f} s; {2 * count}: {twice:.1f} s; {ALL_POINTS}: {scaled:.0f} s")
