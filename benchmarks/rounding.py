"""The rounding error of every algorithm in units u sum |a||b|, beside its bound and the error of the peers.

The exact result is taken from float64, whose own error is 2^29 times smaller than what float32 may lose. The layers
are real ones; the numbers are standard normal. `python -m benchmarks.rounding` prints a table, `--json FILE` writes it.
"""

import argparse
from pathlib import Path

import numpy as np

from benchmarks import record, rows
from benchmarks.contenders import ours
from benchmarks.layers import Conv
from benchmarks.networks import distinct
from benchmarks.passes import Arrays, terms
from lectcode.kernels import ALGORITHMS

LAYERS = ("5x5 p0 6-16", "3x3 64-64 @56", "3x3 128-128 @28", "3x3 512-512 @7", "1x1 256-64 @56", "3x3 s2 64-128 @56")
UNIT = 2.0**-24
PASSES = ("forward", "grad_input", "grad_filters")


def errors(pass_name, layer, N=1):
    """Return {contender: max |error| / (u sum |a||b|)} over the entries of the result, each with its own sum."""
    arrays = Arrays.standard_normal(layer, N, np.float32)
    exact, sizes = (
        ours.prepare(pass_name, layer, changed, "direct")() for changed in (_doubles(arrays), _sizes(arrays))
    )
    calls = {name: ours.prepare(pass_name, layer, arrays, name) for name in ALGORITHMS}
    calls |= {peer.NAME: peer.prepare(pass_name, layer, arrays, 1) for peer in rows.peers()}
    found = {}
    for name, call in calls.items():
        if call is None:
            continue
        try:
            result = call()
        except ValueError:  # the algorithm does not apply
            continue
        error = abs(np.asarray(result, np.float64) - exact)
        found[name] = float(np.max(error / sizes)) / UNIT
    return found


def bounds(pass_name, layer, N=1):
    """Return {algorithm: its bound in the same units}."""
    return {name: a.error_bound(terms(pass_name, layer, N), UNIT) / UNIT for name, a in ALGORITHMS.items()}


def _doubles(arrays):
    return Arrays(*(array.astype(np.float64) for array in (arrays.I, arrays.G, arrays.F, arrays.B)))


def _sizes(arrays):
    return Arrays(*(abs(array) for array in vars(_doubles(arrays)).values()))


def main():
    """Measure, print, record."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rounding", description=__doc__)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    found = []
    print(f"{'pass':<14}{'layer':<20}{'contender':<13}{'error':>8}{'bound':>9}   in u sum |a||b|")
    for layer in distinct():
        if not (isinstance(layer, Conv) and any(name in layer.name for name in LAYERS)):
            continue
        for pass_name in PASSES:
            limit = bounds(pass_name, layer)
            for name, error in errors(pass_name, layer).items():
                row = {
                    "pass": pass_name,
                    "layer": layer.name,
                    "contender": name,
                    "error": error,
                    "bound": limit.get(name),
                }
                found.append(row)
                bound = f"{row['bound']:9.0f}" if row["bound"] else f"{'-':>9}"
                print(f"{pass_name:<14}{layer.name:<20}{name:<13}{error:8.2f}{bound}", flush=True)
    if options.json:
        record.write(options.json, record.run_of(found), "-rounding")


if __name__ == "__main__":
    main()
