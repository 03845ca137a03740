"""Winograd's convolution F(4 x 4, 3 x 3): a quarter of the products, for filters of 3 x 3 with stride 1.

The output is cut into tiles of 4 x 4. Each needs a window of 6 x 6 inputs, its neighbours' windows overlap it by two
rows or columns. With the transforms of `lectcode.kernels.winograd_transforms`

    U[c_out, c_in] = G F[c_out, c_in] G^T       of each filter
    V[c_in, t]     = B I_pad[c_in, window t] B^T     of each window
    M[c_out, t]    = sum_{c_in} U[c_out, c_in] * V[c_in, t]     entry by entry
    O[c_out, tile t] = A M[c_out, t] A^T + bias

The third line is 36 matrix products, one for each entry ("position") of the 6 x 6 matrices; the micro-kernel
computes them.

Vectors run over tiles. So that none of their lanes is idle, tiles are numbered through all rows and images: a panel
of neighbouring tiles may end one image and begin the next. The gradient of the input is the same with turned
filters, the channels of F exchanged, and padding 2 - P, which crops where P > 2.

Transforming costs memory traffic, not time, as long as its results stay near the processor:

- Many tiles: U is computed first. A task transforms the windows of some hundred tiles, multiplies them with one
  group of filters after the other, and transforms back.
- Few tiles: V is computed first. A task transforms one group of filters, multiplies V with it, and transforms back.
  So U never exists as a whole, which would be four times as large as F.

An inf, or a number so large that the transforms overflow, would reach all outputs of its tile, as NaN. So images
with a result that is not finite are computed again by "gemm".
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numba import njit

from lectcode.kernels import gemm
from lectcode.kernels.block import ROWS, VECTORS, multiply_add_1, multiply_add_2, multiply_add_3
from lectcode.kernels.panels import pad_plane
from lectcode.kernels.simd import BYTES, evens, lanes_of, load, odds, splat, store, zip_high, zip_low
from lectcode.kernels.threads import share
from lectcode.kernels.winograd_transforms import (
    FILTER,
    INPUT,
    OUTPUT,
    ROUNDINGS,
    A,
    B,
    G,
    filter_transform,
    input_transform,
    output_transform,
)

TILE = 4  # outputs of a tile along one axis
WINDOW = 6  # inputs of a tile along one axis
POSITIONS = WINDOW * WINDOW
DEPTH = 128  # channels that the micro-kernel adds at once: their part of a panel fits in the nearest cache
TILES = 96  # of a task, if there are many
MANY = 4 * TILES  # tiles of all images
ZEROS = len(INPUT) + len(OUTPUT) + len(FILTER)  # where the zeros stand among the constants
# Multiply-adds that take as long as transforming one number of F, one window of one channel, one tile of one filter.
FILTER_COST = 24
WINDOW_COST = 350
BACK_COST = 350
CALL_COST = 1_000_000  # what two steps and their tables cost, whatever the sizes
SMALL = 2**23  # bytes of workspace that no machine misses


class Sizes(NamedTuple):
    """What the compiled loops must know; every pair is (height, width), distances are counted in elements."""

    rows: int  # of the product: filters, or channels of dI
    channels: int  # of the source
    turned: bool  # the filters are turned, and their channels are the rows
    size: tuple  # of the source
    corner: tuple  # the source's pixel at the corner of the first window; negative in the padding
    result: tuple
    grid: tuple  # tiles of an image
    total: int  # tiles of all images
    tiles: int  # of a task; all of them if V is computed first
    filters_first: bool
    panel: int  # tiles side by side in a panel
    group: int  # filters side by side in a group
    U_pitch: int  # from one position to the next
    V_pitch: int
    M_pitch: int
    line: int  # numbers in a line of transformed pixels
    band: int  # pixels of padded source that a task needs


@lru_cache(512)
def plan(N, rows, channels, turned, size, corner, result, itemsize):
    """Return the sizes of a correlation."""
    lanes = BYTES // itemsize
    panel, group = VECTORS * lanes, max(lanes, ROWS)
    grid = tuple(-(-length // TILE) for length in result)
    total = N * grid[0] * grid[1]
    filters_first = total >= MANY
    tiles = TILES if filters_first else total
    panels = -(-tiles // panel)
    # A power of two as distance between positions would send all 36 to the same place in the caches: one vector is
    # added.
    pitches = (channels * group + lanes, panels * channels * panel + lanes, panels * group * panel + lanes)
    band = (tiles // grid[1] + 2) * WINDOW * (TILE * grid[1] + TILE) + 2 * lanes
    return Sizes(
        rows,
        channels,
        turned,
        size,
        corner,
        result,
        grid,
        total,
        tiles,
        filters_first,
        panel,
        group,
        *pitches,
        TILE * panel + lanes,
        band + -band % lanes,
    )


def workspace(sizes):
    """Return how many numbers a call stores, and each of its threads, in the first step and in the second."""
    U, V, M = (POSITIONS * pitch for pitch in (sizes.U_pitch, sizes.V_pitch, sizes.M_pitch))
    taps, windows = 9 * sizes.channels * sizes.group, 2 * WINDOW * sizes.line + sizes.band
    if sizes.filters_first:
        return -(-sizes.rows // sizes.group) * U, taps, V + M + sizes.tiles + sizes.panel + windows
    return V, windows, U + M + sizes.tiles + sizes.panel + max(taps, windows)


def forward(I, F, B, geometry, O):
    """Write the convolution of I with F, plus B, into O."""
    corner = tuple(-before for before in geometry.before)
    for n in _correlate(I, F, False, B, corner, O):
        gemm.forward(I[n : n + 1], F, B, geometry, O[n : n + 1])


def grad_input(G, F, geometry, dI):
    """Write the gradient of the input into dI."""
    corner = tuple(before - (WINDOW - TILE) for before in geometry.before)
    for n in _correlate(G, F, True, np.zeros(dI.shape[1], G.dtype), corner, dI):
        gemm.grad_input(G[n : n + 1], F, geometry, dI[n : n + 1])


def _correlate(X, F, turned, bias, corner, O):
    """Write the correlation of X with F, plus bias, into O; return the images whose result is not finite."""
    (N, rows), channels = O.shape[:2], X.shape[1]
    if O.size == 0:
        return []
    if channels == 0:
        O[...] = bias[:, None, None]
        return []
    sizes = plan(N, rows, channels, turned, X.shape[2:], corner, O.shape[2:], X.itemsize)
    groups = -(-rows // sizes.group)
    constants, steps = _constants(X.dtype, sizes.panel, sizes.group)
    D = np.zeros(groups * sizes.group, X.dtype)
    D[:rows] = bias
    flags = np.zeros(N, np.uint8)
    first = np.empty(workspace(sizes)[0], X.dtype)  # U or V
    own, more = ((size, X.dtype) for size in workspace(sizes)[1:])
    x, f = X.reshape(-1), F.reshape(-1)
    if sizes.filters_first:
        share(_transform_filters, groups, F.size * FILTER_COST, f, sizes, constants, first, workspace=own)
        tasks = -(-sizes.total // sizes.tiles)
    else:
        share(
            _transform_windows,
            channels,
            channels * sizes.total * WINDOW_COST,
            x,
            sizes,
            constants,
            first,
            workspace=own,
        )
        tasks = groups
    work = sizes.total * channels * rows * POSITIONS
    share(_compute, tasks, work, x, f, first, D, sizes, constants, steps, O.reshape(-1), flags, workspace=more)
    return np.flatnonzero(flags)


@lru_cache(8)
def _constants(dtype, panel, group):
    """Return the numbers of the transforms and some zeros, and where step k of a product finds U and V."""
    numbers = [float(number) for number in INPUT + OUTPUT + FILTER]
    constants = np.array(numbers + [0.0] * ROWS, dtype)
    steps = np.concatenate([np.arange(DEPTH) * group, np.arange(DEPTH) * panel])
    constants.flags.writeable = steps.flags.writeable = False
    return constants, steps


@njit(nogil=True, cache=True)
def _transform_filters(F, sizes, constants, U, workspace, first, last):
    """Transform the groups of filters first, ..., last - 1."""
    for g in range(first, last):
        _transform_group(F, g, sizes, constants, workspace, U, g * POSITIONS * sizes.U_pitch)


@njit(nogil=True, cache=True)
def _transform_windows(X, sizes, constants, V, workspace, first, last):
    """Transform the windows of the channels first, ..., last - 1."""
    pieces, starts, bands = _cut(sizes, 0, sizes.total)
    for c in range(first, last):
        _transform_channel(X, c, sizes, pieces, starts, bands, constants, workspace, V)


@njit(nogil=True, cache=True)
def _compute(X, F, given, bias, sizes, constants, steps, O, flags, workspace, first, last):
    """Compute the tasks first, ..., last - 1: some tiles for all filters, or a group of filters for all tiles."""
    own = POSITIONS * (sizes.V_pitch if sizes.filters_first else sizes.U_pitch)
    M = workspace[own : own + POSITIONS * sizes.M_pitch]
    checks = workspace[own + M.size : own + M.size + sizes.tiles + sizes.panel]
    rest = workspace[own + M.size + checks.size :]
    computed = workspace[:own]
    U, V = (given, computed) if sizes.filters_first else (computed, given)
    pieces, starts, bands = _cut(sizes, 0, sizes.tiles)
    for task in range(first, last):
        first_group, last_group = task, task + 1
        if sizes.filters_first:
            first_group, last_group = 0, (sizes.rows + sizes.group - 1) // sizes.group
            pieces, starts, bands = _cut(sizes, task * sizes.tiles, min((task + 1) * sizes.tiles, sizes.total))
            for c in range(sizes.channels):
                _transform_channel(X, c, sizes, pieces, starts, bands, constants, rest, V)
        else:
            _transform_group(F, task, sizes, constants, rest, U, 0)
        for g in range(first_group, last_group):
            u = g * POSITIONS * sizes.U_pitch if sizes.filters_first else 0
            _multiply(U, u, V, sizes, pieces, starts, constants, steps, M)
            _transform_back(M, g, sizes, pieces, starts, bias, constants, rest, checks, O, flags)


@njit(nogil=True, cache=True)
def _cut(sizes, first, last):
    """Cut the tiles first, ..., last - 1 into pieces that lie in one row of tiles and in one panel.

    A piece is (its first place in its panel, number of tiles, place of its windows in the band, image, row and
    column of its first output). Panel p has the pieces starts[p], ..., starts[p + 1] - 1. A band is what is needed
    of one image: (image, first row, number of rows, place), its rows being those of the padded source.
    """
    columns = sizes.grid[1]
    width = TILE * columns + TILE
    panels, rows = (last - first + sizes.panel - 1) // sizes.panel, (last - first) // columns + 2
    pieces, starts, bands = (
        np.empty((rows + panels, 6), np.int64),
        np.empty(panels + 1, np.int64),
        np.empty((rows, 4), np.int64),
    )
    count, used, free, place, before = 0, 0, 0, 0, -1
    tile = first
    while tile < last:
        row, j = divmod(tile, columns)
        n, i = divmod(row, sizes.grid[0])
        if row != before and i > 0 and before >= 0:  # the next row of the same image
            place += TILE * width
            bands[used - 1, 2] += TILE
        elif row != before:
            place = free
            bands[used, 0], bands[used, 1], bands[used, 2], bands[used, 3] = n, TILE * i, WINDOW, place
            used += 1
        free = place + WINDOW * width
        before = row
        p, x = divmod(tile - first, sizes.panel)
        if x == 0:
            starts[p] = count
        length = min(columns - j, last - tile, sizes.panel - x)
        pieces[count, 0], pieces[count, 1], pieces[count, 2] = x, length, place + TILE * j
        pieces[count, 3], pieces[count, 4], pieces[count, 5] = n, TILE * i, TILE * j
        count += 1
        tile += length
    starts[panels] = count
    return pieces[:count], starts, bands[:used]


@njit(nogil=True, cache=True)
def _six(numbers, first):
    return (
        splat(numbers[first]),
        splat(numbers[first + 1]),
        splat(numbers[first + 2]),
        splat(numbers[first + 3]),
        splat(numbers[first + 4]),
        splat(numbers[first + 5]),
    )


@njit(nogil=True, cache=True)
def _load_six(array, index, distance):
    return (
        load(array, index),
        load(array, index + distance),
        load(array, index + 2 * distance),
        load(array, index + 3 * distance),
        load(array, index + 4 * distance),
        load(array, index + 5 * distance),
    )


@njit(nogil=True, cache=True)
def _store_six(array, index, distance, vectors):
    store(array, index, vectors[0])
    store(array, index + distance, vectors[1])
    store(array, index + 2 * distance, vectors[2])
    store(array, index + 3 * distance, vectors[3])
    store(array, index + 4 * distance, vectors[4])
    store(array, index + 5 * distance, vectors[5])


@njit(nogil=True, cache=True)
def _count(pieces, starts, p):
    """Return the number of tiles in panel p."""
    last = starts[p + 1] - 1
    return pieces[last, 0] + pieces[last, 1]


@njit(nogil=True, cache=True)
def _transform_channel(X, c, sizes, pieces, starts, bands, constants, workspace, V):
    """Write B window B^T of all tiles in one channel, V[position][panel][channel][place in the panel]."""
    lanes = lanes_of(X)
    width = TILE * sizes.grid[1] + TILE
    line = sizes.line
    lines, band = workspace[: 2 * WINDOW * line], workspace[2 * WINDOW * line :]
    k = _six(constants, 0)
    for b in range(bands.shape[0]):
        plane = (bands[b, 0] * sizes.channels + c) * sizes.size[0] * sizes.size[1]
        corner = sizes.corner[0] + bands[b, 1], sizes.corner[1]
        pad_plane(X, plane, sizes.size, corner, (1, 1), (1, 1), (bands[b, 2], width), band, bands[b, 3])
    end = bands[-1, 3] + bands[-1, 2] * width
    band[end : end + lanes] = 0  # the last vector of the last row reads past it
    for p in range(starts.size - 1):
        # From row to row: a vector holds neighbouring pixels. The second of each pair of lines begins one tile later.
        for piece in range(starts[p], starts[p + 1]):
            for later in range(2):
                to, from_ = later * line + TILE * pieces[piece, 0], pieces[piece, 2] + later * TILE
                for x in range(0, TILE * pieces[piece, 1], lanes):
                    _store_six(lines, to + x, 2 * line, input_transform(_load_six(band, from_ + x, width), k))
        # Lanes without a tile compute with zeros.
        tiles = _count(pieces, starts, p)
        full = (tiles + lanes - 1) // lanes * lanes
        if tiles < full:
            for i in range(2 * WINDOW):
                lines[i * line + TILE * tiles : i * line + TILE * full] = 0
        # From column to column: a vector holds the same pixel of neighbouring tiles.
        for x in range(0, tiles, lanes):
            for i in range(WINDOW):
                at = 2 * i * line + TILE * x
                a_0, a_1 = load(lines, at), load(lines, at + lanes)
                a_2, a_3 = load(lines, at + 2 * lanes), load(lines, at + 3 * lanes)
                at += line
                b_0, b_1 = load(lines, at), load(lines, at + lanes)
                b_2, b_3 = load(lines, at + 2 * lanes), load(lines, at + 3 * lanes)
                even_0, even_1, odd_0, odd_1 = evens(a_0, a_1), evens(a_2, a_3), odds(a_0, a_1), odds(a_2, a_3)
                window = (
                    evens(even_0, even_1),
                    evens(odd_0, odd_1),
                    odds(even_0, even_1),
                    odds(odd_0, odd_1),
                    evens(evens(b_0, b_1), evens(b_2, b_3)),
                    evens(odds(b_0, b_1), odds(b_2, b_3)),
                )
                to = WINDOW * i * sizes.V_pitch + (p * sizes.channels + c) * sizes.panel + x
                _store_six(V, to, sizes.V_pitch, input_transform(window, k))


@njit(nogil=True, cache=True)
def _transform_group(F, g, sizes, constants, taps, U, start):
    """Write G F G^T of one group of filters, U[position][channel][filter in the group], zero where it has no filter."""
    lanes = lanes_of(F)
    channels, group = sizes.channels, sizes.group
    filters = min(group, sizes.rows - g * group)
    for r in range(filters):
        row = g * group + r
        for c in range(channels):
            begin = 9 * (c * sizes.rows + row) if sizes.turned else 9 * (row * channels + c)
            from_ = F[begin : begin + 9]
            for t in range(9):
                taps[(c * 9 + t) * group + r] = from_[8 - t] if sizes.turned else from_[t]
    for r in range(filters, group):
        for x in range(9 * channels):
            taps[x * group + r] = 0
    k = _six(constants, 12), splat(constants[18])
    for c in range(channels):
        for r in range(0, group, lanes):
            at, to = 9 * c * group + r, start + c * group + r
            u_0 = filter_transform((load(taps, at), load(taps, at + 3 * group), load(taps, at + 6 * group)), k)
            at += group
            u_1 = filter_transform((load(taps, at), load(taps, at + 3 * group), load(taps, at + 6 * group)), k)
            at += group
            u_2 = filter_transform((load(taps, at), load(taps, at + 3 * group), load(taps, at + 6 * group)), k)
            for i in range(WINDOW):
                u = filter_transform((u_0[i], u_1[i], u_2[i]), k)
                _store_six(U, to + WINDOW * i * sizes.U_pitch, sizes.U_pitch, u)


@njit(nogil=True, cache=True)
def _multiply(U, start, V, sizes, pieces, starts, zeros, steps, M):
    """Write the 36 products of one group of filters, M[position][panel][filter in the group][place in the panel]."""
    channels, panel, group = sizes.channels, sizes.panel, sizes.group
    lanes = lanes_of(U)
    for position in range(POSITIONS):
        for p in range(starts.size - 1):
            vectors = (_count(pieces, starts, p) + lanes - 1) // lanes
            for c in range(0, channels, DEPTH):
                depth = min(DEPTH, channels - c)
                v = position * sizes.V_pitch + (p * channels + c) * panel
                for r in range(0, group, ROWS):
                    u = start + position * sizes.U_pitch + c * group + r
                    m = position * sizes.M_pitch + (p * group + r) * panel
                    if vectors >= VECTORS:
                        multiply_add_3(depth, U, u, 1, steps, 0, V, v, steps, DEPTH, M, m, panel, zeros, ZEROS, c > 0)
                    elif vectors == 2:
                        multiply_add_2(depth, U, u, 1, steps, 0, V, v, steps, DEPTH, M, m, panel, zeros, ZEROS, c > 0)
                    else:
                        multiply_add_1(depth, U, u, 1, steps, 0, V, v, steps, DEPTH, M, m, panel, zeros, ZEROS, c > 0)


@njit(nogil=True, cache=True)
def _transform_back(M, g, sizes, pieces, starts, bias, constants, lines, checks, O, flags):
    """Write A M A^T plus bias to the outputs of one group of filters; flag the images where it is not finite."""
    lanes = lanes_of(M)
    panel, pitch, line = sizes.panel, sizes.M_pitch, sizes.line
    height, width = sizes.result
    k = _six(constants, 6)
    for x in range(checks.size):
        checks[x] = 0
    for row in range(g * sizes.group, min((g + 1) * sizes.group, sizes.rows)):
        b = splat(bias[row])
        for p in range(starts.size - 1):
            for x in range(0, _count(pieces, starts, p), lanes):
                at = (p * sizes.group + row - g * sizes.group) * panel + x
                for j in range(WINDOW):
                    y = output_transform(_load_six(M, at + j * pitch, WINDOW * pitch), k)
                    to = TILE * line + j * lanes
                    store(lines, to, y[0])
                    store(lines, to + WINDOW * lanes, y[1])
                    store(lines, to + 2 * WINDOW * lanes, y[2])
                    store(lines, to + 3 * WINDOW * lanes, y[3])
                check = load(checks, p * panel + x)
                for i in range(TILE):
                    y = output_transform(_load_six(lines, TILE * line + WINDOW * i * lanes, lanes), k)
                    check = check + ((y[0] + y[1]) + (y[2] + y[3]))
                    y_0, y_1, y_2, y_3 = y[0] + b, y[1] + b, y[2] + b, y[3] + b
                    low_0, high_0, low_1, high_1 = (
                        zip_low(y_0, y_2),
                        zip_high(y_0, y_2),
                        zip_low(y_1, y_3),
                        zip_high(y_1, y_3),
                    )
                    to = i * line + TILE * x
                    store(lines, to, zip_low(low_0, low_1))
                    store(lines, to + lanes, zip_high(low_0, low_1))
                    store(lines, to + 2 * lanes, zip_low(high_0, high_1))
                    store(lines, to + 3 * lanes, zip_high(high_0, high_1))
                store(checks, p * panel + x, check)
            for piece in range(starts[p], starts[p + 1]):
                h, w = pieces[piece, 4], pieces[piece, 5]
                length = min(TILE * pieces[piece, 1], width - w)
                to = ((pieces[piece, 3] * sizes.rows + row) * height + h) * width + w
                for i in range(min(TILE, height - h)):
                    from_ = i * line + TILE * pieces[piece, 0]
                    source, out = lines[from_ : from_ + length], O[to : to + length]
                    for x in range(length):
                        out[x] = source[x]
                    to += width
    for p in range(starts.size - 1):
        for piece in range(starts[p], starts[p + 1]):
            begin = p * panel + pieces[piece, 0]
            for x in range(begin, begin + pieces[piece, 1]):
                if checks[x] - checks[x] != 0:  # inf or NaN
                    flags[pieces[piece, 3]] = 1


@lru_cache(512)
def chooses(N, rows, channels, result, itemsize):
    """Tell whether Winograd is faster than "gemm", by what both do, counted in multiply-adds of one number.

    The products cost 36 for each tile, filter and channel instead of 9 for each output; but a vector is full only if
    there are enough tiles, and the transforms cost WINDOW_COST for each tile and channel, BACK_COST for each tile
    and filter, and FILTER_COST for each entry of F. The workspace, with that of one thread, must not exceed twice
    the size of the tensors or SMALL bytes. Nothing here depends on the number of threads, so neither do results.
    """
    if min(N, rows, channels, *result) == 0:
        return False
    lanes = BYTES // itemsize
    sizes = plan(N, rows, channels, False, result, (0, 0), result, itemsize)
    steps = -(-sizes.total // lanes) * lanes
    products = POSITIONS * steps * channels * rows
    filters = FILTER_COST * 9 * rows * channels
    transforms = WINDOW_COST * sizes.total * channels + BACK_COST * sizes.total * rows + filters
    pixels = N * result[0] * result[1]
    tensors = (pixels * (rows + channels) + 9 * rows * channels) * itemsize
    shared, _, own = workspace(sizes)
    return products + transforms + CALL_COST < 9 * pixels * channels * rows and (shared + own) * itemsize <= max(
        2 * tensors, SMALL
    )


def refusal(dtype, geometry):
    """Return why this algorithm cannot compute a call, or None."""
    if np.dtype(dtype).kind != "f":
        return f"its transforms contain fractions, and {np.dtype(dtype)} has none"
    for name, needed in (("kernel_size", (3, 3)), ("stride", (1, 1)), ("dilation", (1, 1)), ("groups", 1)):
        if getattr(geometry, name) != needed:
            return f"it needs {name}={needed}, got {getattr(geometry, name)}"
    return None


def error_bound(terms, unit):
    """Return c such that |computed - exact| <= c W, for a sum of `terms` products a b and W of `magnitude`.

    On its way to an output an entry of the input or of a filter passes ROUNDINGS roundings in each axis of each
    transform, one in its product, and those of the sum over channels and the bias: fewer than `terms`. All steps add
    products with entries of the matrices, so c is Higham's n u / (1 - n u) for so many roundings, see
    `direct.error_bound`.
    """
    n = terms + 6 * ROUNDINGS
    return n * unit / (1 - n * unit)


def magnitude(X, F, bias, geometry, turned):
    """Return W = |A| sum_c (|G| |F| |G^T|) * (|B| |window| |B^T|) |A^T| + |bias|, by which errors are bounded.

    It is the same for all outputs at the same place of a tile's window: an error may be as large as the largest
    numbers of the window allow, also at an output that does not see them.
    """
    corner, result = geometry.before, geometry.output_size
    if turned:
        corner, result = tuple(before - (WINDOW - TILE) for before in corner), geometry.input_size
        corner = tuple(-start for start in corner)
        F = F.transpose(1, 0, 2, 3)[:, :, ::-1, ::-1]
    grid = tuple(-(-length // TILE) for length in result)
    room = [(max(P, 0), TILE * tiles + WINDOW) for P, tiles in zip(corner, grid, strict=True)]
    padded = np.pad(np.abs(X), ((0, 0), (0, 0), *room))
    padded = padded[:, :, max(-corner[0], 0) :, max(-corner[1], 0) :]
    windows = np.lib.stride_tricks.sliding_window_view(padded, (WINDOW, WINDOW), (2, 3))
    windows = windows[:, :, : TILE * grid[0] : TILE, : TILE * grid[1] : TILE]
    a, b, g = (np.abs(matrix).astype(X.dtype) for matrix in (A, B, G))
    U, V = g @ np.abs(F) @ g.T, b @ windows @ b.T
    M = np.einsum("rcij,ncyxij->nryxij", U, V)
    W = (a @ M @ a.T).swapaxes(3, 4).reshape(X.shape[0], F.shape[0], TILE * grid[0], TILE * grid[1])
    return W[:, :, : result[0], : result[1]] + np.abs(bias)[:, None, None]
