"""Products with few filters and too few groups to run vectors across them, and their gradients.

With few filters nothing that is packed would be used often enough, and a block of the micro-kernel would be mostly
idle. So vectors run along the rows of the padded planes themselves, for one filter at a time:

    for each vector of outputs: sum over k of F[k] times the vector that filter element k meets

Four rows are computed at once: their sums are independent, so the processor need not wait for one multiply-add to
begin the next, and each F[k] is read once for all four. With three filters or more each vector is used for three, the
colours of an image above all: a vector that is not aligned takes two cycles to load, and one to multiply and add.

In the gradient of the filters the vectors run along pixels too, and the sums of three filter elements are kept at
once. A row's last vector reaches past its end, where G is filled up with zeros. What X has there must not matter, but
0 inf is NaN: so results that are not finite are computed again by "direct".
"""

from functools import lru_cache

import numpy as np

from lectcode.kernels import direct
from lectcode.kernels.axes import forward_axes
from lectcode.kernels.block import round_up
from lectcode.kernels.compiled import entry, inner
from lectcode.kernels.correlation import Sizes
from lectcode.kernels.finite import finite
from lectcode.kernels.panels import pad_image, pad_plane
from lectcode.kernels.simd import BYTES, lanes_of, load, splat, store
from lectcode.kernels.threads import share

AT_ONCE = 4  # rows
FILTERS = 3  # at once


@entry
def correlate(X, A, D, numbers, parts, lines, columns, inside, order, O, workspace, first, last):
    """Run tasks of a plan of `lectcode.kernels.correlation`, as `gemm._correlate` does, without packing."""
    L, sizes = lanes_of(X), Sizes(*numbers)
    results, padded = np.empty(FILTERS * AT_ONCE * L, X.dtype), workspace
    for task in range(first, last):
        rest, split = divmod(task, sizes.splits)
        rest, group = divmod(rest, sizes.groups)
        n, band = divmod(rest, sizes.bands)
        i = band * sizes.band
        end = min(i + sizes.band, sizes.steps)
        pad_image(X, sizes, n, group, i, padded)
        r_begin, r_end = sizes.rows * split // sizes.splits, sizes.rows * (split + 1) // sizes.splits
        filters = FILTERS if r_end - r_begin >= FILTERS else 1
        for r_first in range(r_begin, r_end, filters):
            r = min(r_first, r_end - filters)  # the last filters may be computed twice
            row = group * sizes.rows + r
            plane = (n * sizes.groups * sizes.rows + row) * sizes.O_plane
            out = O[plane : plane + filters * sizes.O_plane]
            a = group * sizes.filters[2] + r * sizes.filters[0]
            for p in range(parts.shape[0]):
                begin, stop, number = max(parts[p, 0], i), min(parts[p, 1], end), parts[p, 6]
                if stop <= begin or parts[p, 3] <= parts[p, 2] or number == 0:
                    continue
                table, K = sizes.channels * parts[p, 5], sizes.channels * number
                wide = parts[p, 3] - parts[p, 2]
                next_row = parts[p, 4] + stop * sizes.O_row if parts.shape[0] == 1 else 0
                at_once = AT_ONCE if stop - begin >= AT_ONCE else 1
                for h in range(begin, stop, at_once):
                    step = min(h, stop - at_once)  # so may the last rows
                    for w in range(0, wide, L):
                        # and the last pixels; a short row reaches past its end instead
                        x = max(min(w, wide - L), 0)
                        b = (step - i) * sizes.line + parts[p, 2] + x
                        if at_once == 1:
                            for f in range(filters):
                                total = splat(D[row + f])
                                for k in range(table, table + K):
                                    total = total + splat(A[a + f * sizes.filters[0] + columns[k]]) * load(
                                        padded, b + lines[k]
                                    )
                                store(results, f * L, total)
                        elif filters == 1:
                            _rows(A, a, columns, padded, b, lines, table, K, sizes.line, D, row, results)
                        else:
                            _rows_of_three(
                                A, a, sizes.filters[0], columns, padded, b, lines, table, K, sizes.line, D, row, results
                            )
                        for f in range(filters):
                            for q in range(at_once):
                                to = parts[p, 4] + (step + q) * sizes.O_row + (parts[p, 2] + x) * sizes.O_column
                                here, from_ = f * sizes.O_plane + to, (f * at_once + q) * L
                                # what a short row writes into the next one is computed after it
                                if sizes.O_column == 1 and (wide >= L or to + L <= next_row):
                                    store(out, here, load(results, from_))
                                else:
                                    for v in range(min(L, wide)):
                                        out[here + v * sizes.O_column] = results[from_ + v]


@inner
def _rows(A, a, columns, X, b, lines, table, K, line, D, d, results):
    """Write a vector of outputs of each of AT_ONCE rows, for one filter."""
    L = lanes_of(X)
    y_0, y_1, y_2, y_3 = splat(D[d]), splat(D[d]), splat(D[d]), splat(D[d])
    for k in range(table, table + K):
        f, j = splat(A[a + columns[k]]), b + lines[k]
        y_0 = y_0 + f * load(X, j)
        y_1 = y_1 + f * load(X, j + line)
        y_2 = y_2 + f * load(X, j + 2 * line)
        y_3 = y_3 + f * load(X, j + 3 * line)
    store(results, 0, y_0)
    store(results, L, y_1)
    store(results, 2 * L, y_2)
    store(results, 3 * L, y_3)


@inner
def _rows_of_three(A, a, distance, columns, X, b, lines, table, K, line, D, d, results):
    """Write the same for each of FILTERS filters, one after the other."""
    L = lanes_of(X)
    r_0, r_1, r_2, r_3 = splat(D[d]), splat(D[d]), splat(D[d]), splat(D[d])
    g_0, g_1, g_2, g_3 = splat(D[d + 1]), splat(D[d + 1]), splat(D[d + 1]), splat(D[d + 1])
    b_0, b_1, b_2, b_3 = splat(D[d + 2]), splat(D[d + 2]), splat(D[d + 2]), splat(D[d + 2])
    for k in range(table, table + K):
        at, j = a + columns[k], b + lines[k]
        f_r, f_g, f_b = splat(A[at]), splat(A[at + distance]), splat(A[at + 2 * distance])
        x = load(X, j)
        r_0, g_0, b_0 = r_0 + f_r * x, g_0 + f_g * x, b_0 + f_b * x
        x = load(X, j + line)
        r_1, g_1, b_1 = r_1 + f_r * x, g_1 + f_g * x, b_1 + f_b * x
        x = load(X, j + 2 * line)
        r_2, g_2, b_2 = r_2 + f_r * x, g_2 + f_g * x, b_2 + f_b * x
        x = load(X, j + 3 * line)
        r_3, g_3, b_3 = r_3 + f_r * x, g_3 + f_g * x, b_3 + f_b * x
    for r, y in ((0, (r_0, r_1, r_2, r_3)), (1, (g_0, g_1, g_2, g_3)), (2, (b_0, b_1, b_2, b_3))):
        to = AT_ONCE * r * L
        store(results, to, y[0])
        store(results, to + L, y[1])
        store(results, to + 2 * L, y[2])
        store(results, to + 3 * L, y[3])


def grad_filters(G, I, geometry, dF):
    """Write the gradient of the filters into dF."""
    rows, channels = dF.shape[0] // geometry.groups, dF.shape[1]
    sizes, lines, workspace = plan_grad_filters(G.shape[0], rows, channels, geometry, G.itemsize)
    arguments = G.ravel(), I.ravel(), sizes, lines, dF.ravel()
    tasks, work = geometry.groups * channels, G.size * dF[:1].size
    share(_grad_filters, tasks, work, *arguments, workspace=(workspace, G.dtype))
    if not finite(dF):
        direct.grad_filters(G, I, geometry, dF)


@lru_cache(512)
def plan_grad_filters(N, rows, channels, geometry, itemsize):
    """Return the sizes, where the pixels stand that each filter element meets at step 0, and the workspace's size."""
    y, x = forward_axes(geometry)
    L = BYTES // itemsize
    wide = round_up(x.steps, L)
    extent = y.steps + y.reach, wide + x.reach
    lines = [
        ((f * x.phases + g) * extent[0] + y_shift) * extent[1] + x_shift
        for _, y_shift, f in y.parts[0][3]
        for _, x_shift, g in x.parts[0][3]
    ]
    sizes = (
        *(N, geometry.groups, rows, channels),
        *((y.size, x.size), (y.corner, x.corner), (y.stride, x.stride), (y.phases, x.phases), extent),
        *(y.steps, x.steps),
    )
    plane = y.phases * x.phases * extent[0] * extent[1]
    return sizes, np.array(lines), y.steps * wide * rows + plane + L


@entry
def _grad_filters(G, X, sizes, lines, dF, workspace, first, last):
    """Run the tasks first, ..., last - 1: all filters of one group, for one channel."""
    N, groups, rows, channels, size, corner, stride, phases, extent, steps, columns = sizes
    L = lanes_of(X)
    taps, pitch = lines.size, extent[1]
    wide = (columns + L - 1) // L * L
    lines_of_G = steps * wide
    padded = workspace[rows * lines_of_G :]  # after the copy of G, whose rows are filled up with zeros
    results = np.empty(L, X.dtype)
    sums = np.empty(rows * taps * L, X.dtype)
    for task in range(first, last):
        group, c = divmod(task, channels)
        sums[:] = 0
        for n in range(N):
            for r in range(rows):
                plane = (n * groups + group) * rows + r
                start = plane * steps * columns
                pad_plane(G, start, (steps, columns), (0, 0), (1, 1), (1, 1), (steps, wide), workspace, r * lines_of_G)
            plane = (n * groups + group) * channels + c
            pad_plane(X, plane * size[0] * size[1], size, corner, stride, phases, extent, padded, 0)
            for r in range(rows):
                for t in range(0, taps, 3):
                    # three filter elements at once; at the end some twice, whose sums are then written twice
                    t_0, t_1, t_2 = t, min(t + 1, taps - 1), min(t + 2, taps - 1)
                    at = r * taps
                    sum_0, sum_1 = load(sums, (at + t_0) * L), load(sums, (at + t_1) * L)
                    sum_2 = load(sums, (at + t_2) * L)
                    for h in range(steps):
                        g, x = r * lines_of_G + h * wide, h * pitch
                        for w in range(0, wide, L):
                            v = load(workspace, g + w)
                            sum_0 = sum_0 + v * load(padded, x + w + lines[t_0])
                            sum_1 = sum_1 + v * load(padded, x + w + lines[t_1])
                            sum_2 = sum_2 + v * load(padded, x + w + lines[t_2])
                    store(sums, (at + t_0) * L, sum_0)
                    store(sums, (at + t_1) * L, sum_1)
                    store(sums, (at + t_2) * L, sum_2)
        for r in range(rows):
            for t in range(taps):
                store(results, 0, load(sums, (r * taps + t) * L))
                dF[((group * rows + r) * channels + c) * taps + t] = results.sum()
