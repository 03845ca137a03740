"""Borrowed threads: signals arrive whether the waiting thread looks or sleeps, and nothing is lost by an error."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import llvmlite.binding
import numpy as np
import pytest
from numba import config, njit

from lectcode.kernels import workers


def test_a_signal_that_came_before_is_not_waited_for():
    signal = workers.Signal(0)
    signal.send()
    assert signal.wait(0) == 1


@pytest.mark.parametrize("processor", ["x86_64-unknown-linux-gnu", "arm64-apple-darwin"])
def test_a_look_reads_memory_with_and_without_a_pause(monkeypatch, processor):
    """Only x86 has the instruction that pauses; the other way to compile a look runs on any processor."""
    real = llvmlite.binding.get_process_triple()
    if processor.startswith("x86") and not real.startswith("x86"):
        pytest.skip("this processor has no such instruction")
    monkeypatch.setattr(llvmlite.binding, "get_process_triple", lambda: processor)
    look = njit(lambda array: workers._look(array))
    array = np.array([5, 7])
    assert look(array) == 5
    array[0] = 6
    assert look(array) == 6
    if not config.DISABLE_JIT:
        code = "".join(look.inspect_llvm().values())
        assert ("llvm.x86.sse2.pause" in code) == processor.startswith("x86")


@pytest.mark.parametrize("looks", [0, workers.LOOKS])
def test_a_signal_reaches_who_looks_and_who_sleeps(monkeypatch, looks):
    monkeypatch.setattr(workers, "LOOKS", looks)
    ping, pong, rounds = workers.Signal(workers.BEGUN), workers.Signal(workers.DONE), 300

    def answer():
        for seen in range(rounds):
            ping.wait(seen)
            pong.send()

    thread = threading.Thread(target=answer)
    thread.start()
    for seen in range(rounds):
        ping.send()
        assert pong.wait(seen) == seen + 1
        if seen % 100 == 0:
            time.sleep(0.01)  # so that the other thread falls asleep
    thread.join(10)
    assert not thread.is_alive()


def test_a_bell_for_an_earlier_wait_wakes_nobody():
    signal = workers.Signal(0)
    signal.send()
    signal._bell.put(None)
    thread = threading.Timer(0.05, signal.send)
    thread.start()
    assert signal.wait(1) == 2


def test_a_worker_does_job_after_job_and_keeps_no_argument():
    worker, done = workers.Worker(), []
    for job in range(5):
        worker.begin(done.append, job)
        assert worker.finish() is None
    assert done == list(range(5))
    assert worker._job is None
    worker.stop()
    assert not worker._thread.is_alive()


@pytest.fixture
def sleeper():
    """Return a worker that has fallen asleep."""
    worker = workers.Worker()
    deadline = time.monotonic() + 10
    while not worker._given.asleep and time.monotonic() < deadline:
        time.sleep(0.001)
    assert worker._given.asleep
    yield worker
    worker.stop()


def run(worker, function):
    """Return what the worker finds."""
    found = []
    worker.begin(lambda: found.append(function()))
    assert worker.finish() is None
    return found[0]


@pytest.mark.skipif(workers._core is None, reason="this system does not keep threads from a core")
@pytest.mark.parametrize("core", sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [])
def test_who_is_woken_may_run_anywhere_but_on_the_core_of_the_caller(monkeypatch, sleeper, core):
    allowed = os.sched_getaffinity(0)
    monkeypatch.setattr(workers, "_core", lambda: core)
    assert run(sleeper, lambda: os.sched_getaffinity(0)) == (allowed - {core} or allowed)
    assert os.sched_getaffinity(0) == allowed


@pytest.mark.skipif(workers._core is None, reason="this system does not keep threads from a core")
def test_a_caller_with_one_core_shares_it(sleeper):
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        assert workers._core() == min(allowed)
        assert run(sleeper, lambda: 1) == 1
    finally:
        os.sched_setaffinity(0, allowed)


def test_a_sandbox_may_forbid_to_choose_cores(monkeypatch, sleeper):
    def forbidden(*_):
        raise PermissionError

    monkeypatch.setattr(os, "sched_setaffinity", forbidden, raising=False)
    assert run(sleeper, lambda: 1) == 1


def test_a_system_may_know_no_cores(monkeypatch, sleeper):
    monkeypatch.setattr(workers, "_core", None)
    assert run(sleeper, lambda: 1) == 1
    monkeypatch.delattr(os, "sched_setaffinity", raising=False)
    assert workers._core_in_use() is None


def test_an_error_is_returned_once():
    worker = workers.Worker()
    worker.begin(divmod, 1, 0)
    assert isinstance(worker.finish(), ZeroDivisionError)
    worker.begin(divmod, 1, 1)
    assert worker.finish() is None
    worker.stop()


def test_an_interrupt_takes_effect_after_the_job(monkeypatch):
    worker, done = workers.Worker(), []
    wait, interrupts = worker._done.wait, [KeyboardInterrupt()]

    def interrupted(seen):
        if interrupts:
            raise interrupts.pop()
        return wait(seen)

    monkeypatch.setattr(worker._done, "wait", interrupted)
    worker.begin(lambda: (time.sleep(0.05), done.append(1)))
    assert isinstance(worker.finish(), KeyboardInterrupt)
    assert done == [1]
    worker.stop()


def test_a_pool_lends_each_worker_once():
    pool = workers.Pool(2)
    first, second = pool.borrow(), pool.borrow()
    assert first is not second
    assert pool.borrow() is None
    pool.give_back(first)
    assert pool.borrow() is first
    pool.give_back(first)
    pool.give_back(second)
    pool.close()
    assert not first._thread.is_alive()
    assert not second._thread.is_alive()


FORK = """
import os
from lectcode.kernels import workers
parent = workers.pool
worker = parent.borrow()
parent.give_back(worker)
child = os.fork()
if child == 0:
    done = []
    mine = workers.pool.borrow()
    mine.begin(done.append, 1)
    os._exit(0 if workers.pool is not parent and mine.finish() is None and done == [1] else 1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_child_has_a_pool_of_its_own_and_a_process_ends():
    root = Path(__file__).parents[1]
    subprocess.run([sys.executable, "-c", FORK], cwd=root, check=True, timeout=120)


def test_a_new_pool_is_empty(monkeypatch):
    monkeypatch.setattr(workers, "pool", workers.pool)  # gives it back afterwards
    workers.pool.give_back(workers.pool.borrow() or workers.Worker())
    workers._start_anew()
    assert workers.pool._idle == []
