"""How much memory a call needs beside its arguments and its result: the peak of the process, from the kernel (Linux).

`python -m benchmarks.workspace` prints a table; `--json FILE` writes it.
"""

import argparse
import gc
from pathlib import Path

import numpy as np

from benchmarks import machine, record
from benchmarks.contenders import ours
from benchmarks.layers import Conv
from benchmarks.networks import distinct
from benchmarks.passes import Arrays
from lectcode.kernels import ALGORITHMS

LAYERS = ("7x7 s2 3-64", "3x3 64-64 @56", "3x3 512-512 @7", "1x1 256-64 @56", "3x3 s2 64-128 @56", "3x3 64-64 @224")
PASSES = ("forward", "grad_input", "grad_filters")
N = 8
STATUS, RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def resident(field):
    """Return VmRSS (bytes resident now) or VmHWM (the most since the last reset)."""
    (line,) = (line for line in STATUS.read_text().splitlines() if line.startswith(field + ":"))
    return int(line.split()[1]) * 1024


def peak_beside(call):
    """Return (bytes at the peak of a call beyond those before it and those of its result, bytes of the result)."""
    call()  # compile, start threads, fill the caches of the allocator
    gc.collect()
    RESET.write_text("5")
    before = resident("VmRSS")
    result = call()
    return max(0, resident("VmHWM") - before - result.nbytes), result.nbytes


def main():
    """Measure, print, record."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.workspace", description=__doc__)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    found = []
    print(f"{'pass':<14}{'layer':<20}{'algorithm':<11}{'MB':>8}{'/ tensors':>11}   N = {N}")
    for layer in distinct():
        if not (isinstance(layer, Conv) and any(name in layer.name for name in LAYERS)):
            continue
        arrays = Arrays.standard_normal(layer, N, np.float32)
        for pass_name in PASSES:
            for name in ALGORITHMS:
                try:
                    extra, _ = peak_beside(ours.prepare(pass_name, layer, arrays, name))
                except ValueError:  # the algorithm does not apply
                    continue
                tensors = 4 * layer.numbers(N)
                found.append(
                    {
                        "pass": pass_name,
                        "layer": layer.name,
                        "algorithm": name,
                        "N": N,
                        "bytes": extra,
                        "tensors": tensors,
                    }
                )
                print(f"{pass_name:<14}{layer.name:<20}{name:<11}{extra / 1e6:8.1f}{extra / tensors:11.2f}", flush=True)
    if options.json:
        run = {"machine": machine.describe(), "versions": machine.versions(), "date": record.today(), "rows": found}
        options.json.write_text(record.text(run), "utf8")


if __name__ == "__main__":
    main()
