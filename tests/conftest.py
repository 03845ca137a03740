"""What all tests share: hypothesis profiles, a third thread, and a summary of what was measured."""

import os

os.environ.setdefault("NUMBA_NUM_THREADS", "3")  # before Numba is imported: three threads even on fewer cores

import numba
import pytest
from hypothesis import HealthCheck, settings

from lectcode.kernels import threads
from tests import ownership, tolerance

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]
# derandomize: a failure is a failure on every machine; HYPOTHESIS_PROFILE=long searches further, and at random.
settings.register_profile("normal", max_examples=200, deadline=None, derandomize=True, suppress_health_check=SLOW)
settings.register_profile("long", max_examples=2500, deadline=None, print_blob=True, suppress_health_check=SLOW)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "normal"))


@pytest.fixture
def always_threads(monkeypatch):
    """Use threads even for little work, look whose task writes what, and give back the number of threads."""
    monkeypatch.setattr(threads, "WORTH_A_THREAD", 1)
    if not numba.config.DISABLE_JIT:  # else each task would take far longer, and show the same
        for module in ownership.users():
            monkeypatch.setattr(module, "share", ownership.share)
    before = numba.get_num_threads()
    yield
    numba.set_num_threads(before)


@pytest.hookimpl
def pytest_terminal_summary(terminalreporter):
    for line in tolerance.peer_summary():
        terminalreporter.write_line(line)
    for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed"):
        for line in (line for name, line in report.user_properties if name == "measured"):
            terminalreporter.write_line(line)
