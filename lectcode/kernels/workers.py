"""Threads that a caller borrows for one job at a time.

To wake a sleeping thread takes some 0.03 ms: as long as a small layer, and it happens twice a call, when the worker is
wanted and when it is done. So whoever waits first looks at a number in memory again and again, without the GIL, for
about as long, and only then goes to sleep.

A virtual machine adds a trap. Its operating system cannot tell whether a core that does nothing is there at all, so it
often wakes a worker on the very core of its caller and leaves it there for ms: two threads are then no faster than
one. Hence a caller forbids its own core to the worker that it wakes.
"""

import atexit
import contextlib
import ctypes
import os
import queue
import threading

import llvmlite.binding
import numpy as np
import numpy.ma  # Numba asks for it at a first call; two threads that do so at once would find half of it
from llvmlite import ir
from numba import config, types
from numba.core import cgutils
from numba.extending import intrinsic

from lectcode.kernels.compiled import entry

LOOKS = 20_000  # with the pause after each, some 0.5 ms: what a caller's own code between two layers may take
# Who sent a signal still has the GIL for a few us, and to ask for it in vain means to fall asleep. So whoever saw it
# looks so many times more: a caller reads the arguments of its own part before it lets go, a worker has only to wait.
BEGUN, DONE = 200, 50
LINE = 8  # numbers in a cache line: two counts in one would slow each other down


@intrinsic
def _compiled_look(typing, array):

    def emit(context, builder, signature, arguments):
        if llvmlite.binding.get_process_triple().startswith(("x86", "i686")):
            pause = ir.FunctionType(ir.VoidType(), [])
            builder.call(cgutils.get_or_insert_function(builder.module, pause, "llvm.x86.sse2.pause"), [])
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        return builder.load_atomic(data, "acquire", 8)

    return types.int64(array), emit


def _look(array):
    """Read array[0] from memory, now, after a pause that lets the other thread of the same core work."""
    return array[0]


if not config.DISABLE_JIT:
    _look = _compiled_look


def _core_in_use():
    """Return a function that tells the core of the calling thread; None where threads cannot be kept from a core."""
    return getattr(ctypes.CDLL(None), "sched_getcpu", None) if hasattr(os, "sched_setaffinity") else None


_core = _core_in_use()


def _keep_away(thread):
    """Let another thread run wherever the calling thread may, but not on the core where that is now."""
    if _core is None:
        return
    cores = os.sched_getaffinity(0)
    cores.discard(_core())
    if cores:
        with contextlib.suppress(OSError):  # a sandbox may forbid it; then the system's choice stands
            os.sched_setaffinity(thread, cores)


@entry
def _changes(count, seen, looks, patience):
    """Tell whether count[0] becomes something else than `seen` before so many looks at it; if so, be patient."""
    for _ in range(looks):
        if _look(count) != seen:
            for _ in range(patience):
                _look(count)
            return True
    return False


class Signal:
    """A count that one thread raises and another waits for."""

    def __init__(self, patience):
        self._count, self._patience = np.zeros(LINE, np.int64), patience
        self.asleep = False
        self._bell = queue.SimpleQueue()

    def send(self):
        """Raise the count."""
        self._count[0] += 1
        if self.asleep:
            self._bell.put(None)

    def wait(self, seen):
        """Return the count as soon as it is not `seen` any more."""
        if not _changes(self._count, seen, LOOKS, self._patience):
            self.asleep = True  # first this, then another look: so no bell goes unheard
            while self._count[0] == seen:
                self._bell.get()  # a bell may have been meant for an earlier wait
            self.asleep = False
        return self._count[0]


class Worker:
    """A thread that does the jobs of one caller after the other."""

    def __init__(self):
        self._job, self._error = None, None
        self._given, self._done = Signal(BEGUN), Signal(DONE)
        self._jobs = 0
        # Compiled by the caller: if the new thread did it, a fork meanwhile would copy the compiler's closed lock.
        _changes(self._given._count, 0, 0, 0)
        self._thread = threading.Thread(target=self._work, name="lectcode", daemon=True)
        self._thread.start()

    def begin(self, function, *arguments):
        """Start a job; `finish` must follow before the next."""
        self._job = function, arguments
        if self._given.asleep:
            _keep_away(self._thread.native_id)
        self._given.send()

    def finish(self):
        """Wait for the end of the job; return the error that it raised, or None.

        Ctrl-C takes effect after the wait: nobody may use the job's arrays before.
        """
        interrupt = None
        while True:
            try:
                self._jobs = self._done.wait(self._jobs)
                break
            except KeyboardInterrupt as error:
                interrupt = error
        error, self._error = self._error, None
        return interrupt or error

    def stop(self):
        """End the thread."""
        self._job = None
        self._given.send()
        self._thread.join()

    def _work(self):
        given = 0
        while True:
            given = self._given.wait(given)
            job, self._job = self._job, None
            if job is None:
                return
            function, arguments = job
            try:
                function(*arguments)
            except BaseException as error:
                self._error = error
            del job, function, arguments  # the caller's arrays must not live on here
            self._done.send()


class Pool:
    """The workers that nobody uses at the moment, and how many more there may be."""

    def __init__(self, most):
        self._idle, self._free = [], list(range(most))

    def borrow(self):
        """Return an idle worker or a new one; None if all are busy."""
        try:  # pop is one step, whoever else calls it
            return self._idle.pop()
        except IndexError:
            pass
        try:
            self._free.pop()
        except IndexError:
            return None
        return Worker()

    def give_back(self, worker):
        """Let others use a worker whose job is finished."""
        self._idle.append(worker)

    def close(self):
        """End the threads of all idle workers."""
        while self._idle:
            self._idle.pop().stop()


pool = Pool(max(config.NUMBA_NUM_THREADS - 1, 1))
atexit.register(lambda: pool.close())


def _start_anew():
    global pool
    pool = Pool(max(config.NUMBA_NUM_THREADS - 1, 1))


# A child has none of its parent's threads. Not every system forks.
getattr(os, "register_at_fork", dict)(after_in_child=_start_anew)
