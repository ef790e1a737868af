"""Test what JAX computes on the device at hand, and write its times: `make gpu-check`."""

import argparse
import logging
import subprocess
import sys
from pathlib import Path

from kohorte.errors import KohorteError
from kohorte_benchmarks.gpu import SIZES, benchmark_gpu

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", choices=["gpu", "cpu"], default="gpu")
    parser.add_argument("--size", choices=list(SIZES), default="full")
    parser.add_argument("--output", type=Path, default=Path("results/benchmarks/gpu.csv"))
    chosen = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    # In a process of its own: this one must hold no memory of the device.
    if chosen.device == "gpu":
        code = "from kohorte.jobs.devices import require_gpu; require_gpu()"
        looked = subprocess.run([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True)
        if looked.returncode:
            sys.exit(looked.stderr.strip().rpartition("\n")[2])
    tests = ["tests/test_gpu.py"]
    status = subprocess.run([sys.executable, "-m", "pytest", "-q", "-rs", *tests]).returncode
    chosen.output.parent.mkdir(parents=True, exist_ok=True)
    try:
        benchmark_gpu(SIZES[chosen.size], chosen.output.parent).to_csv(chosen.output, index=False)
    except KohorteError as error:
        sys.exit(f"kohorte: {error}")
    print(f"{chosen.output}: written; tests {'passed' if status == 0 else 'FAILED'}")
    sys.exit(status)
