"""How much memory a call needs beside its arguments and its result: the peak of a fresh process (Linux with glibc).

`python -m benchmarks.workspace` prints a table, `--json FILE` writes it.
"""

import argparse
import ctypes
import gc
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks import record
from benchmarks.contenders import ours
from benchmarks.layers import Conv
from benchmarks.networks import distinct
from benchmarks.passes import Arrays
from lectcode.kernels import ALGORITHMS

LAYERS = ("7x7 s2 3-64", "3x3 64-64 @56", "3x3 512-512 @7", "1x1 256-64 @56", "3x3 s2 64-128 @56", "3x3 64-64 @224")
PASSES = ("forward", "grad_input", "grad_filters")
N = 8
STATUS, RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def chosen():
    """Return the convolution layers that are measured."""
    layers = [layer for layer in distinct() if isinstance(layer, Conv)]
    return [layer for layer in layers if any(name in layer.name for name in LAYERS)]


def resident(field):
    """Return VmRSS (bytes resident now) or VmHWM (the most since the last reset)."""
    (line,) = (line for line in STATUS.read_text().splitlines() if line.startswith(field + ":"))
    return int(line.split()[1]) * 1024


def peak_beside(call):
    """Return the bytes at the peak of a call beyond those before it and those of its result."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # or what was freed before would be used again and not be counted
    RESET.write_text("5")
    before = resident("VmRSS")
    result = call()
    return max(0, resident("VmHWM") - before - result.nbytes)


def child(pass_name, layer, algorithm):
    """Compile on a small layer of the same kind, then measure; None where the algorithm does not apply."""
    small = replace(layer, C_in=min(layer.C_in, 8), C_out=8, size=(16, 16))
    try:
        ours.prepare(pass_name, small, Arrays.standard_normal(small, 1, np.float32), algorithm)()
        return peak_beside(ours.prepare(pass_name, layer, Arrays.standard_normal(layer, N, np.float32), algorithm))
    except ValueError:
        return None


def in_a_fresh_process(*names):
    """Return `child` of a new Python, since threads may keep what they once needed."""
    command = [sys.executable, "-m", "benchmarks.workspace", "--child", *names]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def main():
    """Measure, print, record."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.workspace", description=__doc__)
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if options.child:
        pass_name, name, algorithm = options.child
        (layer,) = (layer for layer in chosen() if layer.name == name)
        print(json.dumps(child(pass_name, layer, algorithm)))
        return
    found = []
    print(f"{'pass':<14}{'layer':<20}{'algorithm':<11}{'MB':>8}{'/ tensors':>11}   N = {N}")
    for layer in chosen():
        tensors = 4 * layer.numbers(N)
        for pass_name in PASSES:
            for name in ALGORITHMS:
                extra = in_a_fresh_process(pass_name, layer.name, name)
                if extra is None:
                    continue
                found.append(
                    {"pass": pass_name, "layer": layer.name, "algorithm": name, "N": N, "bytes": extra}
                    | {"tensors": tensors}
                )
                print(f"{pass_name:<14}{layer.name:<20}{name:<11}{extra / 1e6:8.1f}{extra / tensors:11.2f}", flush=True)
    if options.json:
        record.write(options.json, record.run_of(found), "-workspace")


if __name__ == "__main__":
    main()
