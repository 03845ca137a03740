"""One way to use all cores that no caller can break.

The kernels release the GIL (`nogil=True`) and compute a range of tasks; each task alone owns the part of the result
that it writes, and adds in an order that does not depend on the range. So the result is bitwise the same for any
number of threads.

Numba's own `prange` is not used: its portable threading layer ("workqueue") aborts the process when two Python threads
call at once, the GNU OpenMP layer kills a forked child that calls again, and it refuses 32-bit machines, WebAssembly
among them. Threads that live only as long as one call share nothing and survive all three.
"""

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

from numba import get_num_threads

# Multiply-adds that one thread does in about 0.3 ms; a second thread is started and joined in 0.05 ms.
WORTH_A_THREAD = 2**20


def share(kernel, tasks, work, *arguments):
    """Run kernel(*arguments, first, last) so that the ranges [first, last) cover range(tasks).

    `work` is the number of multiply-adds or comparisons of the whole call. The number of threads is the one set by
    `numba.set_num_threads`, by default one per core.
    """
    threads = min(tasks, work // WORTH_A_THREAD)
    if threads > 1:
        threads = min(threads, get_num_threads())
    if threads <= 1:
        kernel(*arguments, 0, tasks)
        return
    ours, *others = pairwise(tasks * thread // threads for thread in range(threads + 1))
    with ThreadPoolExecutor(threads - 1) as pool:
        shares = [pool.submit(kernel, *arguments, first, last) for first, last in others]
        kernel(*arguments, *ours)
        for part in shares:
            part.result()  # an error in a thread is an error of the call
