"""Each number of a result is written by one task alone: else what it is may depend on which thread comes first.

That a result is right with two threads says little: who reads what the other has just written does so once in a hundred
calls. So every task is run alone here, and what it changes is noted.
"""

import inspect
import sys

import numpy as np

from lectcode.kernels import scatter, threads

# The kernels' names for what their tasks write. Not flags, in which tasks of Winograd's may all note the same.
RESULTS = {"O", "dI", "dI_pad", "dF", "winners", "U", "V", "met", "failed"}
GIVEN = {scatter.backward: {"winners"}}  # names that mean something else there


def share(kernel, tasks, work, *arguments, workspace=None):
    """Demand that no two tasks write the same number, then do what the true `share` does."""
    if tasks > 1:
        check(kernel, tasks, arguments, workspace)
    threads.share(kernel, tasks, work, *arguments, workspace=workspace)


def check(kernel, tasks, arguments, workspace):
    """Demand that no two tasks write the same number; leave the results as they were."""
    names = inspect.signature(getattr(kernel, "py_func", kernel)).parameters
    chosen = RESULTS - GIVEN.get(kernel, set())
    results = [
        words(argument)
        for name, argument in zip(names, arguments, strict=False)
        if name in chosen and argument is not None
    ]
    assert results, f"{kernel} names no result"
    before = [result.copy() for result in results]
    owner = [np.full(result.size, -1) for result in results]
    room = () if workspace is None else (threads.lend(*workspace),)
    for task in range(tasks):
        changed = [np.zeros(result.size, bool) for result in results]
        for bit in (0, 1):  # what is written differs from one of two numbers at least
            for result, old in zip(results, before, strict=True):
                result[:] = old ^ bit
            kernel(*arguments, *room, task, task + 1)
            for result, old, more in zip(results, before, changed, strict=True):
                more |= result != old ^ bit
        for mine, owned in zip(changed, owner, strict=True):
            twice = mine & (owned >= 0)
            assert not twice.any(), (
                f"{kernel}: tasks {owned[twice][0]} and {task} of {tasks} both write {twice.sum()} numbers"
            )
            owned[mine] = task
    for result, old in zip(results, before, strict=True):
        result[:] = old


def words(array):
    """View an array's numbers as unsigned integers; its memory is the same."""
    assert array.flags.c_contiguous
    return array.reshape(-1).view(f"u{array.itemsize}")


def users():
    """Return the modules that share tasks among threads."""
    return [
        module
        for name, module in sys.modules.items()
        if name.startswith("lectcode.kernels.")
        and module is not threads
        and getattr(module, "share", None) is threads.share
    ]
