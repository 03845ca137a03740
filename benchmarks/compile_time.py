"""Seconds of the first call of everything, in a fresh process: compiled (cold), and found in the cache (cached).

`python -m benchmarks.compile_time` prints a table, `--json FILE` writes it.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

DTYPES = ("float32", "float64")
IMPORT = "import lectcode"  # with Numba; the total does not count it


def first_calls(algorithm, dtype):
    """Time the first call of each function on a layer that every algorithm accepts; return {name: seconds}."""
    begin = time.perf_counter()
    import lectcode

    seconds = {IMPORT: time.perf_counter() - begin}
    I, F = np.ones((2, 16, 24, 24), dtype), np.ones((16, 16, 3, 3), dtype)
    G = np.ones((2, 16, 12, 12), dtype)
    window = {"padding": 1, "algorithm": algorithm}
    calls = {
        "conv2d": lambda: lectcode.conv2d(I, F, **window),
        "conv2d_grad_input": lambda: lectcode.conv2d_grad_input(I, F, 24, **window),
        "conv2d_grad_filters": lambda: lectcode.conv2d_grad_filters(I, I, 3, **window),
    }
    if algorithm == "auto":
        calls |= {
            "max_pool2d": lambda: lectcode.max_pool2d(I, 2),
            "max_pool2d_backward": lambda: lectcode.max_pool2d_backward(G, I, 2),
            "avg_pool2d": lambda: lectcode.avg_pool2d(I, 2),
            "avg_pool2d_backward": lambda: lectcode.avg_pool2d_backward(G, I, 2),
        }
    for name, call in calls.items():
        begin = time.perf_counter()
        call()
        seconds[name] = time.perf_counter() - begin
    return seconds


def in_a_fresh_process(algorithm, dtype, cache):
    """Return `first_calls` of a new Python whose Numba keeps its cache in the folder `cache`."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.compile_time", "--child", algorithm, dtype],
        env={**os.environ, "NUMBA_CACHE_DIR": cache},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def main():
    """Measure, print, record."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compile_time", description=__doc__)
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(first_calls(*options.child)))
        return
    from benchmarks import record  # not above, for it imports lectcode, whose import is timed
    from lectcode.kernels import ALGORITHMS

    rows = []
    print(f"{'algorithm':<10}{'dtype':<9}{'function':<24}{'cold s':>8}{'cached s':>10}")
    for algorithm in ("auto", *ALGORITHMS):
        for dtype in DTYPES:
            with tempfile.TemporaryDirectory() as cache:
                cold, cached = (in_a_fresh_process(algorithm, dtype, cache) for _ in range(2))
            for found in (cold, cached):
                found["total"] = sum(found.values()) - found[IMPORT]
            for name, first in cold.items():
                second = cached[name]
                rows.append({"algorithm": algorithm, "dtype": dtype, "function": name, "cold": first, "cached": second})
                print(f"{algorithm:<10}{dtype:<9}{name:<24}{first:8.2f}{second:10.3f}", flush=True)
    if options.json:
        record.write(options.json, record.run_of(rows), "-compile-time")


if __name__ == "__main__":
    main()
