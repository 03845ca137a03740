"""Interleaved timing: every round times every contender, each round begins with another one.

Times on a shared machine drift; ratios within one round drift together. So a ratio is the median over the rounds of the
ratios within each. But a neighbour who takes the memory or a core for a second may slow one contender more than the
other, in all rounds of that second: so rounds of several visits, minutes apart, are joined.
"""

import time
from dataclasses import dataclass
from itertools import islice
from math import ceil
from statistics import median

# Seconds for which calls are repeated before a sample, and that it lasts at least: a core that had nothing to do is
# slow at first, and calls of a network follow each other.
WARM_UP, SAMPLE = 2e-3, 2e-3
ROUNDS = 2, 4  # of a visit: the fewest and the most
# Calls of each contender before the first round: large results lie in new memory. A virtual machine may have to ask its
# host for it, page by page, until pages that earlier calls gave back come round again.
FIRST_CALLS = 3
PAUSE = 1e-3, 10e-3  # before a sample, with one thread and with several: those of the one before go on spinning a while
LONG = 20e-3  # a call longer than this brings its own data into the caches


@dataclass
class Timing:
    """What each round took: for each contender the seconds of one call, round after round."""

    samples: dict

    @property
    def rounds(self):
        """How many there were."""
        return len(next(iter(self.samples.values())))

    @property
    def seconds(self):
        """The median for each contender."""
        return {name: median(sample) for name, sample in self.samples.items()}

    @property
    def ratios(self):
        """For each but the first, the median over rounds of its time divided by that of the first."""
        return _ratios(self.samples)

    @property
    def best(self):
        """The ratios of the least times: what a busy machine disturbs least."""
        return _ratios({name: [min(sample)] for name, sample in self.samples.items()})


def joined(timings):
    """Return the rounds of several visits to the same contenders as those of one."""
    first, *_ = timings
    return Timing({name: [second for timing in timings for second in timing.samples[name]] for name in first.samples})


def interleave(contenders, budget, threads=1, rounds=ROUNDS):
    """Time {name: call}; the first is the one that the others are divided by. `budget` is in seconds of calling."""
    fewest, most = rounds
    lasts = dict.fromkeys(contenders, LONG)  # the first round calls once, later ones as often as it then takes
    samples = {name: [] for name in contenders}
    for call in contenders.values():
        _seconds(call, FIRST_CALLS)
    spent = 0.0
    for done, order in enumerate(islice(rotations(contenders), most), 1):
        for name in order:
            time.sleep(PAUSE[threads > 1])
            begin = time.perf_counter()
            lasts[name] = _sample(contenders[name], lasts[name])
            spent += time.perf_counter() - begin
            samples[name].append(lasts[name])
        if done >= fewest and spent * (done + 1) / done > budget:
            break
    return Timing(samples)


def rotations(names):
    """Yield the names for ever, each time beginning with the next."""
    names = list(names)
    while True:
        yield list(names)
        names.append(names.pop(0))


def _ratios(samples):
    (_, ours), *others = samples.items()
    return {name: median(b / a for a, b in zip(ours, sample, strict=True)) for name, sample in others}


def _sample(call, lasts):
    if lasts < LONG:
        _seconds(call, ceil(WARM_UP / lasts))
    return _seconds(call, ceil(SAMPLE / lasts))


def _seconds(call, calls):
    begin = time.perf_counter()
    for _ in range(calls):
        call()
    return (time.perf_counter() - begin) / calls
