"""The number of threads changes no bit, and no caller can break another."""

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numba
import numpy as np
import pytest

import lectcode
from lectcode.kernels import threads
from tests import ownership
from tests.geometry import reals


def work(seed, dtype):
    """Call everything that has a kernel, on numbers whose sums depend on the order of addition."""
    rng = np.random.default_rng(seed)
    I, F, B = reals(rng, 3, 4, 9, 8, dtype=dtype), reals(rng, 6, 2, 3, 2, dtype=dtype), reals(rng, 6, dtype=dtype)
    geometry = {"stride": (2, 1), "padding": 1, "groups": 2}
    O = lectcode.conv2d(I, F, B, **geometry)
    pooling = {"kernel_size": 3, "stride": 2, "padding": 1}
    M, winners = lectcode.max_pool2d(I, **pooling, return_winners=True)
    A = lectcode.avg_pool2d(I, **pooling)
    return (
        O,
        *lectcode.conv2d_backward(O, I, F, **geometry),
        lectcode.conv_transpose2d(O, F, **geometry),
        M,
        winners,
        lectcode.max_pool2d(I, **pooling),
        lectcode.max_pool2d_backward(M, I, **pooling),
        lectcode.max_pool2d_backward(M, I, **pooling, winners=winners),
        A,
        lectcode.avg_pool2d_backward(A, I, **pooling),
    )


def bits(arrays):
    return [array.tobytes() for array in arrays]


@pytest.mark.usefixtures("always_threads")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_bitwise_the_same_for_any_number_of_threads(dtype):
    results = []
    for number in (1, 2, 3):
        numba.set_num_threads(number)
        results.append(bits(work(0, dtype)))
    assert results[0] == results[1] == results[2]


@pytest.mark.usefixtures("always_threads")
def test_eight_callers_at_once():
    expected = [bits(work(seed, np.float64)) for seed in range(8)]
    start = threading.Barrier(8)

    def call(seed):
        start.wait()
        return [bits(work(seed, np.float64)) for _ in range(5)]

    with ThreadPoolExecutor(8) as pool:
        for seed, results in enumerate(pool.map(call, range(8))):
            assert results == [expected[seed]] * 5


@pytest.mark.parametrize("reach", [1, 2])
def test_two_tasks_that_write_the_same_number_are_noticed(reach):
    """Even if both write what is there already."""

    def kernel(O, first, last):
        for task in range(first, last):
            O[0, task : task + reach] = 3

    O = np.full((1, 4), 3.0)
    if reach == 1:
        ownership.share(kernel, 3, 10**9, O)
        return
    with pytest.raises(AssertionError, match="tasks 0 and 1 of 3 both write 1 numbers"):
        ownership.share(kernel, 3, 10**9, O)


def test_a_task_that_reads_what_another_writes_is_noticed():
    """Or what it writes itself, before."""

    def kernel(O, first, last):
        for task in range(first, last):
            O[0, task] = O[0, task // 2] + 1

    with pytest.raises(AssertionError, match="task 0 of 3 reads O"):
        ownership.share(kernel, 3, 10**9, np.full((1, 4), 3.0))


@pytest.mark.usefixtures("always_threads")
@pytest.mark.parametrize("tasks", [0, 1, 2, 7])
def test_each_task_is_done_once(tasks):
    done, names = [], set()

    def kernel(first, last):
        done.extend(range(first, last))
        names.add(threading.current_thread().name)

    numba.set_num_threads(3)
    threads.share(kernel, tasks, 10**9)
    assert sorted(done) == list(range(tasks))
    assert len(names) <= max(tasks, 1)


def test_a_thread_keeps_its_workspace_unless_it_is_large():
    once, again = (threads.lend(100, np.dtype(np.float32)) for _ in range(2))
    assert once.size == 100
    assert np.shares_memory(once, again)
    large = threads.lend(threads.KEPT + 1, np.dtype(np.uint8))
    assert large.ctypes.data % threads.ALIGNMENT == 0
    assert not np.shares_memory(large, threads.lend(threads.KEPT + 1, np.dtype(np.uint8)))


@pytest.mark.usefixtures("always_threads")
def test_an_error_in_a_thread_is_an_error_of_the_call():
    def kernel(first, last):
        if first > 0:
            raise IndexError("out of bounds")

    with pytest.raises(IndexError, match="out of bounds"):
        threads.share(kernel, 2, 10**9)


# In a fresh process with an empty cache and Numba's least forgiving threading layer.
UNFORGIVING = """
import os, sys
from concurrent.futures import ThreadPoolExecutor
import numpy as np
import lectcode
from lectcode.kernels import threads

threads.WORTH_A_THREAD = 1
I, F = np.arange(2.0 * 3 * 8 * 9).reshape(2, 3, 8, 9), np.arange(4.0 * 3 * 2 * 3).reshape(4, 3, 2, 3)
with ThreadPoolExecutor(8) as pool:  # all eight want the kernel compiled first
    results = list(pool.map(lambda _: lectcode.conv2d(I, F).tobytes(), range(8)))
assert len(set(results)) == 1
child = os.fork() if hasattr(os, "fork") else 0
same = lectcode.conv2d(I, F).tobytes() == results[0]
if child == 0:
    os._exit(0 if same else 1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
"""


def test_first_calls_at_once_and_after_a_fork(tmp_path):
    environment = {**os.environ, "NUMBA_THREADING_LAYER": "workqueue", "NUMBA_CACHE_DIR": str(tmp_path)}
    root = Path(__file__).parents[1]
    subprocess.run([sys.executable, "-c", UNFORGIVING], cwd=root, env=environment, check=True, timeout=300)
