"""The run with Numba's bounds checking (make boundscheck) would see a kernel that leaves its arrays."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

OUTSIDE = """
import numpy as np
from lectcode.kernels import direct

I_pad, F, B = np.zeros((1, 1, 4, 5)), np.zeros((1, 1, 2, 2)), np.zeros(1)
O = np.zeros((1, 1, {H_out}, {W_out}))
direct._forward(I_pad, F, B, (1, 1), (1, 1), 1, O, 0, {tasks})
"""


@pytest.mark.parametrize(
    ("sizes", "fault"),
    [
        ({"H_out": 3, "W_out": 4, "tasks": 1}, False),
        ({"H_out": 4, "W_out": 4, "tasks": 1}, True),
        ({"H_out": 3, "W_out": 5, "tasks": 1}, True),
        ({"H_out": 3, "W_out": 4, "tasks": 2}, True),
    ],
)
def test_bounds_checking_sees_a_planted_fault(sizes, fault, tmp_path_factory):
    cache = tmp_path_factory.getbasetemp() / "numba"  # checked code must not land in the usual cache
    environment = {**os.environ, "NUMBA_BOUNDSCHECK": "1", "NUMBA_CACHE_DIR": str(cache)}
    done = subprocess.run(
        [sys.executable, "-c", OUTSIDE.format(**sizes)],
        cwd=Path(__file__).parents[1],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert (done.returncode != 0) == fault, done.stderr
    assert ("IndexError" in done.stderr) == fault
