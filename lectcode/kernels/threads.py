"""One way to use all cores that no caller can break.

The kernels release the GIL (`nogil=True`) and compute a range of tasks; each task alone owns the part of the result
that it writes, and adds in an order that does not depend on the range. So the result is bitwise the same for any
number of threads.

Numba's own `prange` is not used: its portable threading layer ("workqueue") aborts the process when two Python threads
call at once, the GNU OpenMP layer kills a forked child that calls again, and it refuses 32-bit machines, WebAssembly
among them. Python's own threads survive all three. They wait between calls, for to start one takes as long as a small
layer; a forked child starts its own. `concurrent.futures` would do, but its hand-over takes 0.1 ms of a call, a queue
half of that.
"""

import os
import threading
from collections import deque
from functools import cache
from queue import SimpleQueue
from time import perf_counter, sleep

import numpy as np
from numba import config, get_num_threads

# Multiply-adds that one thread does in about 0.1 ms; it takes some 0.04 ms until a second thread is awake.
WORTH_A_THREAD = 2**22
AWAKE = 2e-4  # seconds that a call waits for the last thread without going to sleep

ALIGNMENT = 64  # bytes: a cache line, and the longest vector
KEPT = 2**22  # bytes of workspace that a thread keeps for its next call

_thread = threading.local()


def share(kernel, tasks, work, *arguments, workspace=None):
    """Run kernel(*arguments, first, last) so that the ranges [first, last) cover range(tasks).

    `work` is the number of multiply-adds or comparisons of the whole call. The number of threads is the one set by
    `numba.set_num_threads`, by default one per core. With workspace=(size, dtype), each thread lends the kernel an
    array of
    its own before `first`; what it holds is finite or left from earlier calls.
    """
    threads = min(tasks, work // WORTH_A_THREAD)
    if threads > 1:
        threads = min(threads, get_num_threads())
    if threads <= 1:
        _run(kernel, arguments, workspace, 0, tasks)
        return
    ranges, reports = deque(_ranges(tasks, threads)), SimpleQueue()
    number = len(ranges)
    for _ in range(threads - 1):
        _jobs().put((kernel, arguments, workspace, ranges, reports))
    _work(kernel, arguments, workspace, ranges, reports)
    for _ in range(number):
        if error := _next(reports):
            raise error  # an error in a thread is an error of the call


def _ranges(tasks, threads):
    """Cut the tasks into ranges, each half an even share of what is left.

    Who is awake takes the next one: a thread that wakes late, or is interrupted, delays the end by a short range only.
    """
    first = 0
    while first < tasks:
        last = first - (first - tasks) // (2 * threads)
        yield first, last
        first = last


def _work(kernel, arguments, workspace, ranges, reports):
    """Take ranges until there are none, which for a thread that was busy elsewhere may be at once; report each."""
    while True:
        try:
            first, last = ranges.popleft()
        except IndexError:
            return
        try:
            _run(kernel, arguments, workspace, first, last)
            reports.put(None)
        except BaseException as error:
            reports.put(error)


def _next(reports):
    """Return the next report."""
    begin = perf_counter()
    while reports.empty() and perf_counter() - begin < AWAKE:
        sleep(0)
    return reports.get()


def _run(kernel, arguments, workspace, first, last):
    if workspace is None:
        kernel(*arguments, first, last)
    else:
        kernel(*arguments, lend(*workspace), first, last)


def lend(size, dtype):
    """Return an aligned array that belongs to the calling thread until its next call."""
    wanted = size * np.dtype(dtype).itemsize + ALIGNMENT
    memory = getattr(_thread, "memory", None)
    if memory is None or memory.size < wanted:
        memory = np.zeros(wanted, np.uint8)
        if wanted <= KEPT:
            _thread.memory = memory
    start = -memory.ctypes.data % ALIGNMENT
    return memory[start : start + wanted - ALIGNMENT].view(dtype)


@cache
def _jobs():
    """Return the queue from which waiting threads take their jobs."""
    jobs = SimpleQueue()
    for _ in range(max(config.NUMBA_NUM_THREADS - 1, 1)):
        threading.Thread(target=_serve, args=(jobs,), name="lectcode", daemon=True).start()
    return jobs


def _serve(jobs):
    while True:
        _work(*jobs.get())


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_jobs.cache_clear)  # a child has none of its parent's threads
