"""Is anybody else using the machine? A calibrated spin tells, row by row."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from statistics import median

import numpy as np

from benchmarks import limits

STEPS = 6000  # about 1 ms
SUSPICIOUS = 1.25
LOAD = 0.5


class Spin:
    """The same work again and again; how much longer it takes than at best is what others take."""

    def __init__(self):
        self.best = {}

    def slowdown(self, threads, repeats=5):
        """Return the median time of the spin on so many threads, divided by the best ever seen."""
        with ThreadPoolExecutor(threads) as pool:
            samples = []
            for _ in range(repeats + 1):
                begin = time.perf_counter()
                list(pool.map(lambda _: limits.spin(STEPS, np.float32(0.5)), range(threads)))
                samples.append(time.perf_counter() - begin)
        samples = samples[1:]  # the first one starts the threads
        self.best[threads] = min(*samples, self.best.get(threads, float("inf")))
        return median(samples) / self.best[threads]


def load():
    """Return the load average of the last minute; 0 where the system has none."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0


def warning(slowdowns, load_before):
    """Return what to say of a run on a busy machine; None of one on a quiet machine."""
    slow = sum(slowdown > SUSPICIOUS for slowdown in slowdowns)
    reasons = []
    if load_before > LOAD:
        reasons.append(f"the load average was {load_before:.1f} before the run")
    if slow > len(slowdowns) / 20:
        reasons.append(f"beside {slow} of {len(slowdowns)} rows a fixed spin ran more than {SUSPICIOUS} times its best")
    return "This machine is busy: " + "; ".join(reasons) + ". Do not trust these times." if reasons else None
