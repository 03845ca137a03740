"""What LLVM makes of the micro-kernel: its sums stay in registers. And packed filters are what it shall read."""

import re

import numba
import numpy as np
import pytest

from lectcode.kernels import gemm, panels, simd, threads
from lectcode.kernels.block import ROWS, VECTORS, pack_column
from lectcode.kernels.correlation import no_bias, plan_forward
from lectcode.shapes import conv_geometry

SUMS = ROWS * VECTORS


def loops(assembly):
    """Yield the lines of each loop without another loop in it, from its label to the jump back."""
    labels, last, lines = {}, -1, assembly.splitlines()
    for number, line in enumerate(lines):
        if label := re.match(r"(\.LBB\w+):", line):
            labels[label[1]] = last = number
        jump = re.match(r"\s+j\w+\s+(\.LBB\w+)$", line)
        if jump and labels.get(jump[1]) == last:
            yield lines[last : number + 1]


@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="nothing is compiled")
@pytest.mark.skipif(not simd._host_has("fma"), reason="looks for the fused multiply-adds of x86")
@pytest.mark.parametrize(("kernel", "channels", "size"), [("blocks", 128, 8), ("rows", 3, 64)])
def test_sums_stay_in_registers(kernel, channels, size):
    """What lies on the stack may straddle two cache lines: then each step waits for it."""
    geometry = conv_geometry(channels, (size, size), (64, channels, 3, 3), 1, 1, 1, 1)
    plan = plan_forward(1, 64, channels, geometry, 4, 1)
    assert plan.kernel == kernel
    I, F, O = (np.ones(n, np.float32) for n in (channels * size**2, 64 * channels * 9, 64 * size**2))
    for array in (I, F):
        array.flags.writeable = False
    compiled = numba.njit(nogil=True)(gemm.KERNELS[kernel].py_func)  # what comes from the cache shows no code
    compiled(I, F, no_bias(64, O.dtype), *plan.told, O, threads.lend(plan.room, O.dtype), 0, plan.tasks)
    found = 0
    for assembly in compiled.inspect_asm().values():
        for loop in loops(assembly):
            if sum("vfmadd" in line for line in loop) == SUMS:
                found += 1
                assert not [line for line in loop if "mm" in line and "(%rsp" in line]
    assert found


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("row", [1, 2, 9])
def test_a_column_of_filters_is_packed(row, dtype):
    @numba.njit
    def pack(F, A):
        pack_column(F, 1, row, A, 2)

    F, A = np.arange(2 + (ROWS - 1) * row, dtype=dtype), np.full(ROWS + 3, -1, dtype)  # not one number to spare
    pack(F, A)
    assert A.tolist() == [-1, -1, *F[1::row].tolist(), -1]


@pytest.mark.parametrize("rows", [ROWS - 1, ROWS, 2 * ROWS + 3])
@pytest.mark.parametrize(("row", "channel"), [(1, 2 * ROWS + 3), (300, 1)])
def test_blocks_of_filters_are_packed(rows, row, channel):
    """Of a group that does not begin with F; the last block begins earlier, or repeats the last row."""
    elements = panels.STRETCH + 5 if row == 1 else 300
    F = np.arange(3 + max(rows * row, elements * channel), dtype=np.float32)
    sources, places = np.arange(elements) * channel, np.arange(elements)[::-1] * ROWS
    blocks, distance = -(-rows // ROWS), elements * ROWS

    @numba.njit
    def pack(F, sources, places, A, first, last):
        panels.pack_filters(F, 3, rows, row, sources, places, A, distance, first, last)

    def expected(block):
        first = max(min(block * ROWS, rows - ROWS), 0)
        row_of = np.minimum(first + np.arange(ROWS), rows - 1) * row
        return F[3 + sources[::-1, None] + row_of].reshape(-1)

    for first in range(blocks):
        A = np.full((blocks - first) * distance, -1, np.float32)
        pack(F, sources, places, A, first, blocks)
        assert np.array_equal(A, np.concatenate([expected(block) for block in range(first, blocks)]))
