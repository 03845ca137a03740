"""Each number of a result is written by one task alone, which reads no other: else it may depend on who comes first.

That a result is right with two threads says little: who reads what the other has just written does so once in a hundred
calls. So every task is run alone here, twice, with other numbers in the results before. What changes is noted, and must
be the same both times.
"""

import inspect
import sys

import numpy as np

from lectcode.kernels import scatter, threads

# The kernels' names for what their tasks write. Not flags, in which tasks of Winograd's may all note the same.
RESULTS = {"O", "dI", "dI_pad", "dF", "winners", "U", "V", "met", "failed"}
ADDED = {"dI_pad"}  # to what the caller wrote there
GIVEN = {scatter.backward: {"winners"}}  # names that mean something else there


def share(kernel, tasks, work, *arguments, workspace=None):
    """Demand that no two tasks write the same number, then do what the true `share` does."""
    if tasks > 1:
        check(kernel, tasks, arguments, workspace)
    threads.share(kernel, tasks, work, *arguments, workspace=workspace)


def check(kernel, tasks, arguments, workspace):
    """Demand that each number has one task, which writes it and reads no other; leave the results as they were."""
    given = dict(zip(inspect.signature(getattr(kernel, "py_func", kernel)).parameters, arguments, strict=False))
    chosen = [name for name in given if name in RESULTS - GIVEN.get(kernel, set()) and given[name] is not None]
    assert chosen, f"{kernel} names no result"
    results = [words(given[name]) for name in chosen]
    before = [result.copy() for result in results]
    others = [another(old, given[name].dtype) for name, old in zip(chosen, before, strict=True)]
    owners = [np.full(result.size, -1) for result in results]
    room = () if workspace is None else (threads.lend(*workspace),)

    def run(task, background):
        for result, numbers in zip(results, background, strict=True):
            result[:] = numbers
        kernel(*arguments, *room, task, task + 1)
        return [result.copy() for result in results]

    for task in range(tasks):
        runs = zip(chosen, owners, before, others, run(task, before), run(task, others), strict=True)
        for name, owner, old, other, first, second in runs:
            mine = (first != old) | (second != other)  # what is written differs from one of two numbers at least
            twice = mine & (owner >= 0)
            assert not twice.any(), (
                f"{kernel}: tasks {owner[twice][0]} and {task} of {tasks} both write {twice.sum()} numbers"
            )
            read = mine & (first != second)
            assert name in ADDED or not read.any(), f"{kernel}: task {task} of {tasks} reads {name}, and not its own"
            owner[mine] = task
    for result, old in zip(results, before, strict=True):
        result[:] = old


def another(old, dtype):
    """Return other numbers than those of `old`, and none that is not finite."""
    seven, eight = (np.array([number], dtype).view(old.dtype) for number in (7, 8))
    return np.where(old == seven, eight, seven)


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
