"""One row of the table: a pass of a layer at one N, dtype and number of threads, or the reason why there is none."""

import re
from dataclasses import dataclass
from statistics import fmean

import numba
import numpy as np

from benchmarks import agreement, busy, timing
from benchmarks.contenders import ours
from benchmarks.layers import Conv
from benchmarks.networks import distinct
from benchmarks.passes import PASSES, Arrays

MEMORY = 3e9  # bytes of input, output, their gradients and filters of one row
# float64 is for checking and for small problems, so a part of the networks, at one N, stands for all.
FLOAT64, FLOAT64_N = {"LeNet-5", "ResNet-20", "ResNet-18", "other shapes"}, 8
WORK = {Conv: 32e9}  # flop of one call; what is larger would take minutes with its peers


def peers():
    """Return the contenders beside lectcode that are installed."""
    found = []
    try:
        from benchmarks.contenders import pytorch

        found.append(pytorch)
        from benchmarks.contenders import onnx_runtime

        found.append(onnx_runtime)
    except ImportError:
        pass
    return found


def plan(passes, batches, dtypes, only=""):
    """Yield (pass, dtype, N, layer, networks) in the order of the table."""
    small = {layer for layer, where in distinct().items() if where.keys() & FLOAT64}
    for pass_name in passes:
        for dtype in dtypes:
            for N in batches:
                for layer, where in distinct().items():
                    if not isinstance(layer, PASSES[pass_name]):
                        continue
                    if dtype == np.float64 and (layer not in small or N != FLOAT64_N):
                        continue
                    if re.search(only, f"{layer.name}; {', '.join(where)}"):
                        yield pass_name, dtype, N, layer, where


def split(planned):
    """Return the rows that can be measured, and for the others what the record says of them."""
    found, left_out = [], []
    for name, dtype, N, layer, networks in planned:
        if reason := too_large(layer, N, dtype):
            left_out.append(skipped(name, dtype, N, layer, reason))
        else:
            found.append((name, dtype, N, layer, networks))
    return found, left_out


def skipped(name, dtype, N, layer, reason):
    """Return what the record says of a row that was not measured."""
    return {"pass": name, "dtype": np.dtype(dtype).name, "N": N, "layer": layer.name, "reason": reason}


def too_large(layer, N, dtype):
    """Return why a row is left out; None if it is not."""
    used = 2 * layer.numbers(N) * np.dtype(dtype).itemsize
    if used > MEMORY:
        return f"needs {used / 1e9:.1f} GB"
    limit = WORK.get(type(layer), np.inf)
    if layer.flops(N) > limit:
        return f"one call is {layer.flops(N) / 1e9:.0f} GFlop, more than {limit / 1e9:.0f}"
    return None


class Row:
    """Prepared once; measured for each number of threads."""

    def __init__(self, pass_name, dtype, N, layer, networks, algorithm):
        self.pass_name, self.dtype, self.N, self.layer = pass_name, dtype, N, layer
        self.networks = networks
        self.arrays = Arrays.standard_normal(layer, N, dtype)
        self.call = ours.prepare(pass_name, layer, self.arrays, algorithm)

    def measure(self, threads, peers, budget):
        """Compare the results, then time; return a `Visit`."""
        numba.set_num_threads(threads)
        contenders, differences = {ours.NAME: self.call}, {}
        result = np.array(self.call())
        for peer in peers:
            call = peer.prepare(self.pass_name, self.layer, self.arrays, threads)
            if call is None:
                continue
            differences[peer.NAME] = agreement.difference(self.pass_name, self.layer, self.N, result, call())
            contenders[peer.NAME] = call
        del result
        with busy.Others() as others:
            timed = timing.interleave(contenders, budget, threads)
        layer, N = self.layer, self.N
        what = {
            "pass": self.pass_name,
            "layer": layer.name,
            "networks": self.networks,
            "N": N,
            "dtype": np.dtype(self.dtype).name,
            "threads": threads,
            "flop": layer.flops(N),
            "bytes": layer.numbers(N) * np.dtype(self.dtype).itemsize,
        }
        return Visit(what, timed, differences, others.cores)


@dataclass
class Visit:
    """What was measured of a row in one visit."""

    what: dict  # the row's pass, layer and so on
    timed: timing.Timing
    differences: dict  # of the results from each peer's
    busy: float  # cores that others used meanwhile


def joined(visits):
    """Return a row of the record: what was measured of it in all visits."""
    first, *_ = visits
    timed = timing.joined([visit.timed for visit in visits])
    return {
        **first.what,
        "rounds": timed.rounds,
        "seconds": timed.seconds,
        "ratio": timed.ratios,
        "best": timed.best,
        "difference": {peer: max(visit.differences[peer] for visit in visits) for peer in first.differences},
        "busy": fmean(visit.busy for visit in visits),
    }
