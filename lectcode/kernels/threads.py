"""One way to use all cores that no caller can break.

The kernels release the GIL (`nogil=True`) and compute a range of tasks; each task alone owns the part of the result
that it writes, and adds in an order that does not depend on the range. So the result is bitwise the same for any
number of threads. Numba's own `prange` is not used: its portable threading layer ("workqueue") aborts the process when
two Python threads call at once, the GNU OpenMP layer kills a forked child, and neither exists in 32-bit WebAssembly.
"""

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

from numba import get_num_threads

# Multiply-adds below which starting a thread (about 0.1 ms) costs more than it saves.
WORTH_A_THREAD = 2**19


def share(kernel, tasks, work, *arguments):
    """Run kernel(*arguments, first, last) so that the ranges [first, last) cover range(tasks).

    `work` is the number of multiply-adds or comparisons of the whole call. The number of threads is the one set by
    `numba.set_num_threads`, by default one per core.
    """
    threads = max(1, min(get_num_threads(), tasks, work // WORTH_A_THREAD))
    if threads == 1:
        kernel(*arguments, 0, tasks)
        return
    with ThreadPoolExecutor(threads) as pool:
        bounds = [tasks * thread // threads for thread in range(threads + 1)]
        shares = [pool.submit(kernel, *arguments, first, last) for first, last in pairwise(bounds)]
        for part in shares:
            part.result()  # an exception in a thread is an exception here
