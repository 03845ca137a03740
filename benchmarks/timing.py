"""Interleaved timing: every round times every contender, each round begins with another one.

Times on a shared machine drift; ratios within one round drift together. So a ratio is the median over the rounds of the
ratios within each.
"""

import time
from dataclasses import dataclass
from math import ceil
from statistics import median

SAMPLE = 1e-3  # seconds that one sample lasts at least; shorter calls are repeated within it
ROUNDS = 5, 7  # the fewest, of which two may meet a stall of a shared machine, and the most
PAUSE = 1e-3, 10e-3  # before a sample, with one thread and with several: those of the one before go on spinning a while
WARM = 20e-3  # a call longer than this brings its own data into the caches


@dataclass
class Timing:
    """Seconds of one call of each contender, and how much longer each takes than the first."""

    seconds: dict
    ratios: dict
    best: dict  # the same of the least times: what a busy machine disturbs least
    rounds: int


def interleave(contenders, budget, threads=1):
    """Time {name: call}; the first is the one that the others are divided by. `budget` is in seconds of calling."""
    lasts = dict.fromkeys(contenders, WARM)  # the first round calls once, later ones as often as it then takes
    samples = {name: [] for name in contenders}
    spent = 0.0
    for order in rotations(contenders):
        for name in order:
            time.sleep(PAUSE[threads > 1])
            begin = time.perf_counter()
            lasts[name] = _sample(contenders[name], lasts[name])
            spent += time.perf_counter() - begin
            samples[name].append(lasts[name])
        rounds = len(samples[name])
        if rounds >= ROUNDS[1] or (rounds >= ROUNDS[0] and spent * (rounds + 1) / rounds > budget):
            medians = {name: median(sample) for name, sample in samples.items()}
            least = {name: [min(sample)] for name, sample in samples.items()}
            return Timing(medians, ratios(samples), ratios(least), rounds)


def rotations(names):
    """Yield the names for ever, each time beginning with the next."""
    names = list(names)
    while True:
        yield list(names)
        names.append(names.pop(0))


def ratios(samples):
    """Return, for each but the first, the median over rounds of its time divided by that of the first."""
    (_, ours), *others = samples.items()
    return {name: median(b / a for a, b in zip(ours, sample, strict=True)) for name, sample in others}


def _sample(call, lasts):
    if lasts < WARM:
        call()
    return _seconds(call, ceil(SAMPLE / lasts))


def _seconds(call, calls):
    begin = time.perf_counter()
    for _ in range(calls):
        call()
    return (time.perf_counter() - begin) / calls
