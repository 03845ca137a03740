"""The gradient of the filters as a matrix product over pixels.

    dF[c_out, j] = sum_{n, x} G[n, c_out, x] window[n, x, j]        x a pixel, j = (c_in, k_h, k_w)

The micro-kernel wants neighbouring j for each x, so the windows are packed transposed. Its sums, `ROWS` filters times
three vectors
of j, are added to a block of dF that stays in the second-level cache while a task goes through its pixels.

Few columns j leave few tasks. Then the pixels are divided too, always into the same parts for the same geometry, and
the parts are added in order: a result does not depend on the number of threads.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numba import njit

from lectcode.kernels import narrow
from lectcode.kernels.block import ROWS, VECTORS, multiply_add_1, multiply_add_2, multiply_add_3, multiply_add_row
from lectcode.kernels.correlation import SECOND_LEVEL, forward_axis
from lectcode.kernels.panels import cut, pack_transposed, pad_plane, plan_moves
from lectcode.kernels.simd import BYTES
from lectcode.kernels.threads import share

ACCUMULATORS = 300_000  # bytes of dF that a task adds to
DEPTH = 128
TASKS = 4  # at least, if there are columns or pixels enough to divide
PIXELS = 2048  # at least, in a part


class Sizes(NamedTuple):
    """What the compiled loops must know; every pair is (height, width), distances are counted in elements."""

    N: int
    groups: int
    rows: int  # filters per group
    channels: int  # of the input, per group
    block: int  # rows of the micro-kernel
    parts: int  # of the pixels
    bands: int  # per image
    band: int  # steps per band
    steps: int
    columns: int  # pixels per step
    wide: int  # columns j of a task
    padded: bool
    size: tuple
    corner: tuple
    stride: tuple
    phases: tuple
    extent: tuple
    plane: int
    line: int
    workspace: tuple  # sizes of a thread's padded input, panel and block of results


def grad_filters(G, I, geometry, dF):
    """Write the gradient of the filters into dF."""
    if G.size == 0 or dF.size == 0:
        dF[...] = 0
        return
    if dF.shape[0] // geometry.groups < ROWS and geometry.groups * dF.shape[1] >= TASKS:
        narrow.grad_filters(G, I, geometry, dF)
        return
    sizes, shifts = plan(G.shape[0], dF.shape[0] // geometry.groups, dF.shape[1], geometry, G.itemsize)
    partial = dF if sizes.parts == 1 else np.empty((sizes.parts, *dF.shape), dF.dtype)
    tasks = sizes.groups * -(-sizes.channels * shifts.size // sizes.wide) * sizes.parts
    arguments = G.reshape(-1), I.reshape(-1), sizes, shifts, partial.reshape(-1)
    share(_grad_filters, tasks, G.size * dF[:1].size, *arguments, workspace=(sum(sizes.workspace), G.dtype))
    if sizes.parts == 1:
        return
    with np.errstate(all="ignore"):
        np.sum(partial, axis=0, out=dF)


@njit(nogil=True, cache=True)
def _grad_filters(G, X, sizes, shifts, dF, workspace, first, last):
    """Run the tasks first, ..., last - 1: some columns of one group, from one part of the pixels."""
    lanes = BYTES // X.itemsize
    width = VECTORS * lanes
    taps, block = shifts.size, sizes.block
    total = sizes.channels * taps
    across = (total + sizes.wide - 1) // sizes.wide
    blocks = (sizes.rows + block - 1) // block
    padded_size, panel_size, _ = sizes.workspace
    padded = workspace[:padded_size]
    panel = workspace[padded_size : padded_size + panel_size]
    C = workspace[padded_size + panel_size :]
    dense = np.arange(DEPTH) * width
    lines = np.empty(width, np.int64)
    pieces, moves = np.empty((DEPTH, 3), np.int64), np.empty((2 * DEPTH, 2), np.int64)
    following = np.arange(DEPTH)
    none = np.zeros(ROWS, X.dtype)
    G_plane = sizes.steps * sizes.columns
    for task in range(first, last):
        rest, part = divmod(task, sizes.parts)
        group, j_0 = divmod(rest, across)
        j_0 *= sizes.wide
        j_1 = min(j_0 + sizes.wide, total)
        c_0, c_1 = j_0 // taps, (j_1 - 1) // taps + 1
        C[:] = 0
        units = sizes.N * sizes.bands
        for unit in range(units * part // sizes.parts, units * (part + 1) // sizes.parts):
            n, band = divmod(unit, sizes.bands)
            i = band * sizes.band
            end = min(i + sizes.band, sizes.steps)
            X_image = (n * sizes.groups + group) * sizes.channels
            if sizes.padded:
                corner = i * sizes.stride[0] + sizes.corner[0], sizes.corner[1]
                for c in range(c_0, c_1):
                    pad_plane(
                        X,
                        (X_image + c) * sizes.size[0] * sizes.size[1],
                        sizes.size,
                        corner,
                        sizes.stride,
                        sizes.phases,
                        sizes.extent,
                        padded,
                        (c - c_0) * sizes.plane,
                    )
            source = 0 if sizes.padded else (X_image + c_0) * sizes.plane + i * sizes.line
            pixels = (end - i) * sizes.columns
            G_band = (n * sizes.groups + group) * sizes.rows * G_plane + i * sizes.columns
            pieces_of_pixels = (pixels + DEPTH - 1) // DEPTH
            for j in range(j_0, j_1, width):
                columns = min(width, j_1 - j)
                vectors = (columns + lanes - 1) // lanes
                for v in range(vectors * lanes):
                    c, t = divmod(min(j + v, j_1 - 1), taps)
                    lines[v] = (c - c_0) * sizes.plane + shifts[t]
                for piece in range(pieces_of_pixels):
                    begin, stop = pixels * piece // pieces_of_pixels, pixels * (piece + 1) // pieces_of_pixels
                    if sizes.columns == sizes.line:
                        cuts = cut(begin, stop, pixels, pixels, 1, 0, 0, 1, pieces)
                    else:
                        cuts = cut(begin, stop, sizes.columns, sizes.columns, end - i, 0, sizes.line, 1, pieces)
                    number = plan_moves(pieces, cuts, lanes, sizes.padded, moves)
                    if sizes.padded:
                        pack_transposed(
                            padded, source, lines, vectors * lanes, pieces, cuts, moves, number, panel, width
                        )
                    else:
                        pack_transposed(X, source, lines, vectors * lanes, pieces, cuts, moves, number, panel, width)
                    for b in range(blocks):
                        # the last block may begin earlier and add the same sums twice, to places of their own
                        row = max(min(b * block, sizes.rows - block), 0)
                        g = G_band + row * G_plane + begin
                        c = ((j - j_0) // width * blocks + b) * block * width
                        if block == 1:
                            multiply_add_row(
                                stop - begin,
                                G,
                                g,
                                G_plane,
                                following,
                                0,
                                panel,
                                0,
                                dense,
                                0,
                                C,
                                c,
                                width,
                                none,
                                0,
                                True,
                            )
                        elif vectors >= VECTORS:
                            multiply_add_3(
                                stop - begin,
                                G,
                                g,
                                G_plane,
                                following,
                                0,
                                panel,
                                0,
                                dense,
                                0,
                                C,
                                c,
                                width,
                                none,
                                0,
                                True,
                            )
                        elif vectors == 2:
                            multiply_add_2(
                                stop - begin,
                                G,
                                g,
                                G_plane,
                                following,
                                0,
                                panel,
                                0,
                                dense,
                                0,
                                C,
                                c,
                                width,
                                none,
                                0,
                                True,
                            )
                        else:
                            multiply_add_1(
                                stop - begin,
                                G,
                                g,
                                G_plane,
                                following,
                                0,
                                panel,
                                0,
                                dense,
                                0,
                                C,
                                c,
                                width,
                                none,
                                0,
                                True,
                            )
        for j in range(j_0, j_1, width):
            for b in range(blocks):
                row = max(min(b * block, sizes.rows - block), 0)
                for r in range(block):
                    c = (((j - j_0) // width * blocks + b) * block + r) * width
                    to = ((part * sizes.groups + group) * sizes.rows + row + r) * total + j
                    for v in range(min(width, j_1 - j)):
                        dF[to + v] = C[c + v]


@lru_cache(512)
def plan(N, rows, channels, geometry, itemsize):
    """Choose tasks and tables."""
    y, x = (
        forward_axis(*axis)
        for axis in zip(
            geometry.input_size,
            geometry.kernel_size,
            geometry.stride,
            geometry.dilation,
            geometry.before,
            geometry.output_size,
            strict=True,
        )
    )
    lanes = BYTES // itemsize
    width = VECTORS * lanes
    block = ROWS if rows >= ROWS else 1
    steps, columns = y.steps, x.steps
    line = columns + x.reach
    padded = not (
        x.stride == 1
        and x.corner == 0
        and x.size == line
        and y.corner == 0
        and y.last < y.size
        and y.size * x.size >= lanes
    )
    shifts = []
    for _, y_shift, f in y.parts[0][3]:
        for _, x_shift, g in x.parts[0][3]:
            shifts.append((y_shift, f, x_shift, g))
    total = channels * len(shifts)
    across = -(-total // width)  # blocks of columns
    wide = min(ACCUMULATORS // (-(-rows // block) * block * width * itemsize), -(-across * geometry.groups // TASKS))
    wide = min(max(wide, 1), across) * width
    tasks = geometry.groups * -(-total // wide)
    used = min(channels, (wide - 1) // len(shifts) + 2)
    step_bytes = (used * y.phases * x.phases * line + rows * columns) * itemsize
    fit = max(SECOND_LEVEL * 3 // 2 // step_bytes - y.reach, -(-DEPTH // columns), 1)
    parts = max(1, min(-(-TASKS // tasks), N * steps * columns // PIXELS))
    bands = min(steps, max(-(-steps // fit), -(-parts // N)))
    band = -(-steps // bands)
    bands = -(-steps // band)
    parts = min(parts, N * bands)
    extent = (band + y.reach, line)
    plane = y.phases * x.phases * extent[0] * extent[1] if padded else y.size * x.size
    table = [
        ((f * x.phases + g) * extent[0] + y_shift) * line + x_shift
        if padded
        else (y_shift * y.stride + f) * x.size + x_shift
        for y_shift, f, x_shift, g in shifts
    ]
    channels_touched = (wide - 1) // len(shifts) + 2
    workspace = (
        -(-(channels_touched * plane + 2 * width) // width) * width if padded else 0,
        (DEPTH + lanes) * width,
        wide * -(-rows // block) * block,
    )
    sizes = Sizes(
        N,
        geometry.groups,
        rows,
        channels,
        block,
        parts,
        bands,
        band,
        steps,
        columns,
        wide,
        padded,
        (y.size, x.size),
        (y.corner, x.corner),
        (y.stride, x.stride),
        (y.phases, x.phases),
        extent,
        plane,
        line if padded else y.stride * x.size,
        workspace,
    )
    return sizes, np.array(table, np.int64)
