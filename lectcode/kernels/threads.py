"""One way to use all cores that no caller can break.

The kernels release the GIL (`compiled`) and compute a range of tasks; each task alone owns the part of the result
that it writes, and adds in an order that does not depend on the range. So the result is bitwise the same for any
number of threads.

Numba's own `prange` is not used: its portable threading layer ("workqueue") aborts the process when two Python threads
call at once, the GNU OpenMP layer kills a forked child that calls again, and it refuses 32-bit machines, WebAssembly
among them. Python's own threads (`workers`) survive all three.
"""

import threading
from itertools import pairwise

import numpy as np
from numba import get_num_threads

from lectcode.kernels import workers

# Multiply-adds that one thread does in about 0.025 ms. Two threads for twice as many save as much, and cost 0.01 ms, or
# 0.03 ms if the second one has to be woken.
WORTH_A_THREAD = 2**20

ALIGNMENT = 64  # bytes: a cache line, and the longest vector
KEPT = 2**22  # bytes of workspace that a thread keeps for its next call

_thread = threading.local()


def worth(work):
    """Return how many threads so many multiply-adds are worth; with 0 or 1 the caller computes alone."""
    return work // WORTH_A_THREAD


def useful(work):
    """Return how many threads so much work may have. To ask Numba how many there are takes 1 us: not for a little."""
    threads = worth(work)
    return min(threads, get_num_threads()) if threads > 1 else 1


def share(kernel, tasks, work, *arguments, workspace=None):
    """Run kernel(*arguments, first, last) so that the ranges [first, last) cover range(tasks).

    `work` is the number of multiply-adds or comparisons of the whole call. The number of threads is the one set by
    `numba.set_num_threads`, by default one per core. With workspace=(size, dtype), each thread lends the kernel an
    array of its own before `first`; what it holds is finite or left from earlier calls.
    """
    threads = min(tasks, useful(work))
    if threads <= 1:
        _run(kernel, arguments, workspace, (0, tasks))
        return
    # The caller begins first: if a task is left over, it is the caller's.
    first, *others = pairwise(-(-tasks * thread // threads) for thread in range(threads + 1))
    mine, pool, helpers = [first], workers.pool, []
    arguments_here = _with_workspace(arguments, workspace)  # before the others begin, who then wait for the GIL
    for part in others:
        helper = pool.borrow()
        if helper is None:  # other callers have them all
            mine.append(part)
        else:
            helper.begin(_run, kernel, arguments, workspace, part)
            helpers.append(helper)
    try:
        for part in mine:
            kernel(*arguments_here, *part)
    finally:
        errors = [helper.finish() for helper in helpers]
        for helper in helpers:
            pool.give_back(helper)
    for error in filter(None, errors):
        raise error  # an error in a thread is an error of the call


def _run(kernel, arguments, workspace, part):
    kernel(*_with_workspace(arguments, workspace), *part)


def _with_workspace(arguments, workspace):
    return arguments if workspace is None else (*arguments, lend(*workspace))


def lend(size, dtype):
    """Return an aligned array that belongs to the calling thread until its next call."""
    wanted = size * dtype.itemsize
    memory = getattr(_thread, "memory", None)
    if memory is None or memory.size < wanted:
        memory = np.zeros(wanted + ALIGNMENT, np.uint8)
        start = -memory.ctypes.data % ALIGNMENT
        memory = memory[start : start + wanted]
        if wanted <= KEPT:
            _thread.memory = memory
    return np.ndarray(size, dtype, memory)
