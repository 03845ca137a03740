"""Winograd's convolution F(4 x 4, 3 x 3): a quarter of the products, for filters of 3 x 3 with stride 1.

The output is cut into tiles of 4 x 4. Each needs a window of 6 x 6 inputs, its neighbours' windows overlap it by two rows or
columns. With the transforms of `lectcode.kernels.winograd_transforms`

    U[c_out, c_in] = G F[c_out, c_in] G^T       of each filter
    V[c_in, t]     = B I_pad[c_in, window t] B^T     of each window
    M[c_out, t]    = sum_{c_in} U[c_out, c_in] * V[c_in, t]     entry by entry
    O[c_out, tile t] = A M[c_out, t] A^T + bias

The third line is 36 matrix products, one for each entry ("position") of the 6 x 6 matrices; the micro-kernel computes them.

Vectors run over tiles. So that none of their lanes is idle, tiles are numbered through all rows and images: a panel of
neighbouring tiles may end one image and begin the next. The gradient of the input is the same with turned filters, the
channels of F exchanged, and padding 2 - P, which crops where P > 2.

Transforming costs memory traffic, not time, as long as its results stay near the processor:

- Many tiles, few filters: U is computed once; a task transforms the windows of some hundred tiles, then multiplies them with
  U and transforms back, 16 filters at a time.
- Few tiles, many filters: V is computed once for all tiles; a task transforms 16 filters, multiplies V with them and
  transforms back. So U never exists as a whole, which would be four times as large as F.

An inf, or a number so large that the transforms overflow, would reach all outputs of its tile, as NaN. So images with a result
that is not finite are computed again by "gemm".
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from lectcode.kernels import gemm
from lectcode.kernels.block import ROWS, VECTORS, multiply_add_1, multiply_add_2, multiply_add_3
from lectcode.kernels.panels import pad_plane
from lectcode.kernels.simd import BYTES, evens, load, odds, splat, store, zip_high, zip_low
from lectcode.kernels.threads import share
from lectcode.kernels.winograd_transforms import (
    FILTER,
    INPUT,
    OUTPUT,
    ROUNDINGS,
    filter_transform,
    input_transform,
    output_transform,
)

POSITIONS = 36
TILE = 4
DEPTH = 128  # channels that the micro-kernel adds at once: their part of a panel fits in the nearest cache
TILES = 96  # per task


class Sizes(NamedTuple):
    """What the compiled loops must know; every pair is (height, width)."""

    N: int
    rows: int  # of the product: filters, or channels of dI
    channels: int  # of the source
    size: tuple  # of the source
    corner: tuple  # the source's pixel at the corner of the first window; negative in the padding
    result: tuple
    grid: tuple  # tiles of an image
    tiles: int  # of a task


def forward(I, F, B, geometry, O):
    """Write the convolution of I with F, plus B, into O."""
    corner = tuple(-before for before in geometry.before)
    for n in _correlate(I, F, False, B, corner, O):
        gemm.forward(I[n : n + 1], F, B, geometry, O[n : n + 1])


def grad_input(G, F, geometry, dI):
    """Write the gradient of the input into dI."""
    corner = tuple(before - 2 for before in geometry.before)
    for n in _correlate(G, F, True, np.zeros(dI.shape[1], G.dtype), corner, dI):
        gemm.grad_input(G[n : n + 1], F, geometry, dI[n : n + 1])


def _correlate(X, F, turned, bias, corner, O):
    """Write the correlation of X with F, or with F turned; return the images that must be computed by another algorithm."""
    N, rows, height, width = O.shape
    channels = X.shape[1]
    if O.size == 0:
        return []
    if channels == 0:
        O[...] = bias[:, None, None]
        return []
    grid = -(-height // TILE), -(-width // TILE)
    total = N * grid[0] * grid[1]
    lanes = BYTES // X.itemsize
    panel, group = VECTORS * lanes, max(lanes, ROWS)
    groups = -(-rows // group)
    filters_first = total >= 4 * TILES
    tiles = TILES if filters_first else total
    sizes = Sizes(N, rows, channels, X.shape[2:], corner, (height, width), grid, tiles)
    constants = np.array([float(number) for number in INPUT + OUTPUT + FILTER], X.dtype)
    all_bias = np.zeros(groups * group, X.dtype)
    all_bias[:rows] = bias
    flags = np.zeros(N, np.uint8)
    work = total * channels * rows * POSITIONS
    x, f, o = X.reshape(-1), F.reshape(-1), O.reshape(-1)
    panels = -(-tiles // panel)
    window_size = (tiles // grid[1] + 2) * 6 * (TILE * grid[1] + 4) + 2 * lanes
    window_size += -window_size % lanes
    line_size = 12 * (TILE * panel + lanes)
    v_size = POSITIONS * (panels * channels * panel + lanes)
    m_size = POSITIONS * (panels * group * panel + lanes)
    u_size = POSITIONS * (channels * group + lanes)
    s_size = 9 * group * channels
    if filters_first:
        U = np.empty(groups * u_size, X.dtype)
        share(_filters, groups, F.size * 64, f, turned, sizes, constants, U, workspace=(s_size, X.dtype))
        workspace = window_size + line_size + v_size + m_size
        share(_tiles, -(-total // tiles), work, x, U, all_bias, sizes, constants, o, flags, workspace=(workspace, X.dtype))
    else:
        V = np.empty(v_size, X.dtype)
        share(_channels, channels, total * channels * 1000, x, sizes, constants, V, workspace=(window_size + line_size, X.dtype))
        workspace = max(s_size, line_size) + u_size + m_size
        share(_groups, groups, work, f, turned, V, all_bias, sizes, constants, o, flags, workspace=(workspace, X.dtype))
    return np.flatnonzero(flags)


@njit(nogil=True, cache=True)
def _filters(F, turned, sizes, constants, U, workspace, first, last):
    """Transform the groups of filters first, ..., last - 1."""
    size = U.size // ((sizes.rows + max(BYTES // F.itemsize, ROWS) - 1) // max(BYTES // F.itemsize, ROWS))
    for task in range(first, last):
        _transform_filters(F, turned, task, sizes, constants, workspace, U[task * size : (task + 1) * size])


@njit(nogil=True, cache=True)
def _tiles(X, U, bias, sizes, constants, O, flags, workspace, first, last):
    """Compute the tasks first, ..., last - 1, each for some tiles and all filters."""
    lanes = BYTES // X.itemsize
    panel, group = VECTORS * lanes, max(lanes, ROWS)
    total = sizes.N * sizes.grid[0] * sizes.grid[1]
    panels = (sizes.tiles + panel - 1) // panel
    pieces, starts, bands = _tables(sizes, panel)
    v_size = POSITIONS * (panels * sizes.channels * panel + lanes)
    m_size = POSITIONS * (panels * group * panel + lanes)
    V, M, rest = workspace[:v_size], workspace[v_size : v_size + m_size], workspace[v_size + m_size :]
    u_size = POSITIONS * (sizes.channels * group + lanes)
    checks = np.zeros(panels * panel, X.dtype)
    for task in range(first, last):
        begin, end = task * sizes.tiles, min((task + 1) * sizes.tiles, total)
        count = _cut(sizes, panel, begin, end, pieces, starts, bands)
        for c in range(sizes.channels):
            _transform_windows(X, c, sizes, panels, end - begin, pieces, starts, bands, count, constants, rest, V)
        for g in range((sizes.rows + group - 1) // group):
            _multiply(U[g * u_size : (g + 1) * u_size], V, sizes, panels, end - begin, M)
            _transform_back(M, g, sizes, panels, end - begin, pieces, starts, bias, constants, rest, checks, O, flags)


@njit(nogil=True, cache=True)
def _channels(X, sizes, constants, V, workspace, first, last):
    """Transform all windows of the channels first, ..., last - 1."""
    panel = VECTORS * (BYTES // X.itemsize)
    pieces, starts, bands = _tables(sizes, panel)
    count = _cut(sizes, panel, 0, sizes.tiles, pieces, starts, bands)
    for c in range(first, last):
        _transform_windows(X, c, sizes, starts.size - 1, sizes.tiles, pieces, starts, bands, count, constants, workspace, V)


@njit(nogil=True, cache=True)
def _groups(F, turned, V, bias, sizes, constants, O, flags, workspace, first, last):
    """Compute the groups of filters first, ..., last - 1 for all tiles."""
    lanes = BYTES // F.itemsize
    panel, group = VECTORS * lanes, max(lanes, ROWS)
    pieces, starts, bands = _tables(sizes, panel)
    panels = starts.size - 1
    _cut(sizes, panel, 0, sizes.tiles, pieces, starts, bands)
    u_size = POSITIONS * (sizes.channels * group + lanes)
    m_size = POSITIONS * (panels * group * panel + lanes)
    U, M, rest = workspace[:u_size], workspace[u_size : u_size + m_size], workspace[u_size + m_size :]
    checks = np.zeros(panels * panel, F.dtype)
    for g in range(first, last):
        _transform_filters(F, turned, g, sizes, constants, rest, U)
        _multiply(U, V, sizes, panels, sizes.tiles, M)
        _transform_back(M, g, sizes, panels, sizes.tiles, pieces, starts, bias, constants, rest, checks, O, flags)


@njit(nogil=True, cache=True)
def _tables(sizes, panel):
    """Return room for the tables that `_cut` fills."""
    panels = (sizes.tiles + panel - 1) // panel
    rows = sizes.tiles // sizes.grid[1] + 2
    return np.empty((rows + panels, 6), np.int64), np.empty(panels + 1, np.int64), np.empty((rows, 4), np.int64)


@njit(nogil=True, cache=True)
def _cut(sizes, panel, first, last, pieces, starts, bands):
    """Cut the tiles first, ..., last - 1 into pieces that lie in one row of tiles and in one panel; return the number of bands.

    A piece is (its first position in its panel, number of tiles, place of its windows in the padded band, image, row and column
    of its first output). Panel p has the pieces starts[p], ..., starts[p + 1] - 1. A band is what is needed of one image:
    (image, first row, number of rows, place), its rows being those of the padded source.
    """
    columns = sizes.grid[1]
    width = TILE * columns + 4
    count, used, free, line, before = 0, 0, 0, 0, -1
    tile = first
    while tile < last:
        row, j = divmod(tile, columns)
        n, i = divmod(row, sizes.grid[0])
        if row != before and i > 0 and before >= 0:
            line += TILE * width
            bands[used - 1, 2] += TILE
        elif row != before:
            line = free
            bands[used, 0], bands[used, 1], bands[used, 2], bands[used, 3] = n, TILE * i, 6, line
            used += 1
        free = line + 6 * width
        before = row
        p, x = divmod(tile - first, panel)
        if x == 0:
            starts[p] = count
        length = min(columns - j, last - tile, panel - x)
        pieces[count, 0], pieces[count, 1], pieces[count, 2] = x, length, line + TILE * j
        pieces[count, 3], pieces[count, 4], pieces[count, 5] = n, TILE * i, TILE * j
        count += 1
        tile += length
    starts[(last - first + panel - 1) // panel] = count
    return used


@njit(nogil=True, cache=True)
def _splats(constants, k):
    return (
        splat(constants[k]),
        splat(constants[k + 1]),
        splat(constants[k + 2]),
        splat(constants[k + 3]),
        splat(constants[k + 4]),
        splat(constants[k + 5]),
    )


@njit(nogil=True, cache=True)
def _transform_windows(X, c, sizes, panels, tiles, pieces, starts, bands, count, constants, workspace, V):
    """Write B window B^T of all tiles in channel c.

    V[position][panel][channel][place in the panel].
    """
    lanes = BYTES // X.itemsize
    panel = VECTORS * lanes
    width = TILE * sizes.grid[1] + 4
    line = TILE * panel + lanes
    lines, band = workspace[: 12 * line], workspace[12 * line :]
    pitch = panels * sizes.channels * panel + lanes
    k = _splats(constants, 0)
    for b in range(count):
        plane = (bands[b, 0] * sizes.channels + c) * sizes.size[0] * sizes.size[1]
        corner = sizes.corner[0] + bands[b, 1], sizes.corner[1]
        pad_plane(X, plane, sizes.size, corner, (1, 1), (1, 1), (bands[b, 2], width), band, bands[b, 3])
    for p in range((tiles + panel - 1) // panel):
        # along columns: a vector holds neighbouring pixels; the second set of lines begins one tile later
        for piece in range(starts[p], starts[p + 1]):
            for shift in range(2):
                to, x = shift * line + TILE * pieces[piece, 0], pieces[piece, 2] + TILE * shift
                for y in range(0, TILE * pieces[piece, 1], lanes):
                    at = x + y
                    v = input_transform(
                        load(band, at),
                        load(band, at + width),
                        load(band, at + 2 * width),
                        load(band, at + 3 * width),
                        load(band, at + 4 * width),
                        load(band, at + 5 * width),
                        k,
                    )
                    store(lines, to + y, v[0])
                    store(lines, to + y + 2 * line, v[1])
                    store(lines, to + y + 4 * line, v[2])
                    store(lines, to + y + 6 * line, v[3])
                    store(lines, to + y + 8 * line, v[4])
                    store(lines, to + y + 10 * line, v[5])
        # along rows: a vector holds the same pixel of neighbouring tiles
        for x in range(0, min(panel, tiles - p * panel), lanes):
            for i in range(6):
                at = 2 * i * line + TILE * x
                a_0, a_1 = load(lines, at), load(lines, at + lanes)
                a_2, a_3 = load(lines, at + 2 * lanes), load(lines, at + 3 * lanes)
                b_0, b_1 = load(lines, at + line), load(lines, at + line + lanes)
                b_2, b_3 = load(lines, at + line + 2 * lanes), load(lines, at + line + 3 * lanes)
                even_0, even_1, odd_0, odd_1 = evens(a_0, a_1), evens(a_2, a_3), odds(a_0, a_1), odds(a_2, a_3)
                v = input_transform(
                    evens(even_0, even_1),
                    evens(odd_0, odd_1),
                    odds(even_0, even_1),
                    odds(odd_0, odd_1),
                    evens(evens(b_0, b_1), evens(b_2, b_3)),
                    evens(odds(b_0, b_1), odds(b_2, b_3)),
                    k,
                )
                to = 6 * i * pitch + (p * sizes.channels + c) * panel + x
                store(V, to, v[0])
                store(V, to + pitch, v[1])
                store(V, to + 2 * pitch, v[2])
                store(V, to + 3 * pitch, v[3])
                store(V, to + 4 * pitch, v[4])
                store(V, to + 5 * pitch, v[5])


@njit(nogil=True, cache=True)
def _transform_filters(F, turned, g, sizes, constants, taps, U):
    """Write G F G^T of one group of filters, U[position][channel][filter in the group]."""
    lanes = BYTES // F.itemsize
    group = max(lanes, ROWS)
    channels = sizes.channels
    pitch = channels * group + lanes
    rows = min(group, sizes.rows - g * group)
    for r in range(rows):
        row = g * group + r
        for c in range(channels):
            begin = 9 * (c * sizes.rows + row) if turned else 9 * (row * channels + c)
            from_ = F[begin : begin + 9]
            for t in range(9):
                taps[(c * 9 + t) * group + r] = from_[8 - t] if turned else from_[t]
    for r in range(rows, group):
        for x in range(9 * channels):
            taps[x * group + r] = 0
    q = _splats(constants, 12)
    k = q[0], q[1], q[2], q[3], q[4], q[5], splat(constants[18])
    for c in range(channels):
        for r in range(0, group, lanes):
            at, to = 9 * c * group + r, c * group + r
            u_0 = filter_transform(load(taps, at), load(taps, at + 3 * group), load(taps, at + 6 * group), k)
            at += group
            u_1 = filter_transform(load(taps, at), load(taps, at + 3 * group), load(taps, at + 6 * group), k)
            at += group
            u_2 = filter_transform(load(taps, at), load(taps, at + 3 * group), load(taps, at + 6 * group), k)
            for i in range(6):
                w = filter_transform(u_0[i], u_1[i], u_2[i], k)
                for j in range(6):
                    store(U, to, w[j])
                    to += pitch


@njit(nogil=True, cache=True)
def _multiply(U, V, sizes, panels, tiles, M):
    """Write the 36 products of one group of filters, M[position][panel][filter in the group][place in the panel]."""
    lanes = BYTES // U.itemsize
    panel, group = VECTORS * lanes, max(lanes, ROWS)
    channels = sizes.channels
    u_pitch, v_pitch, m_pitch = channels * group + lanes, panels * channels * panel + lanes, panels * group * panel + lanes
    zeros = np.zeros(ROWS, U.dtype)
    dense = np.arange(min(DEPTH, channels)) * panel
    for position in range(POSITIONS):
        for p in range((tiles + panel - 1) // panel):
            vectors = (tiles - p * panel + lanes - 1) // lanes
            for c in range(0, channels, DEPTH):
                depth = min(DEPTH, channels - c)
                v = position * v_pitch + (p * channels + c) * panel
                for r in range(0, group, ROWS):
                    u = position * u_pitch + c * group + r
                    m = position * m_pitch + (p * group + r) * panel
                    if vectors >= VECTORS:
                        multiply_add_3(depth, U, u, 1, group, V, v, dense, M, m, panel, zeros, 0, c > 0)
                    elif vectors == 2:
                        multiply_add_2(depth, U, u, 1, group, V, v, dense, M, m, panel, zeros, 0, c > 0)
                    else:
                        multiply_add_1(depth, U, u, 1, group, V, v, dense, M, m, panel, zeros, 0, c > 0)


@njit(nogil=True, cache=True)
def _transform_back(M, g, sizes, panels, tiles, pieces, starts, bias, constants, lines, checks, O, flags):
    """Write A M A^T plus bias to the outputs of one group of filters; flag the images where it is not finite."""
    lanes = BYTES // M.itemsize
    panel, group = VECTORS * lanes, max(lanes, ROWS)
    pitch = panels * group * panel + lanes
    line = TILE * panel
    height, width = sizes.result
    k = _splats(constants, 6)
    zero = splat(constants[0] - constants[0])
    for x in range(0, checks.size, lanes):
        store(checks, x, zero)
    for row in range(g * group, min((g + 1) * group, sizes.rows)):
        b = splat(bias[row])
        for p in range((tiles + panel - 1) // panel):
            for x in range(0, min(panel, tiles - p * panel), lanes):
                at = (p * group + row - g * group) * panel + x
                for j in range(6):
                    y = output_transform(
                        load(M, at),
                        load(M, at + 6 * pitch),
                        load(M, at + 12 * pitch),
                        load(M, at + 18 * pitch),
                        load(M, at + 24 * pitch),
                        load(M, at + 30 * pitch),
                        k,
                    )
                    to = 4 * line + j * lanes
                    store(lines, to, y[0])
                    store(lines, to + 6 * lanes, y[1])
                    store(lines, to + 12 * lanes, y[2])
                    store(lines, to + 18 * lanes, y[3])
                    at += pitch
                check = load(checks, p * panel + x)
                for i in range(4):
                    at = 4 * line + 6 * i * lanes
                    y = output_transform(
                        load(lines, at),
                        load(lines, at + lanes),
                        load(lines, at + 2 * lanes),
                        load(lines, at + 3 * lanes),
                        load(lines, at + 4 * lanes),
                        load(lines, at + 5 * lanes),
                        k,
                    )
                    check = check + ((y[0] + y[1]) + (y[2] + y[3]))
                    y_0, y_1, y_2, y_3 = y[0] + b, y[1] + b, y[2] + b, y[3] + b
                    low_0, low_1, high_0, high_1 = zip_low(y_0, y_2), zip_low(y_1, y_3), zip_high(y_0, y_2), zip_high(y_1, y_3)
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
    for p in range((tiles + panel - 1) // panel):
        for piece in range(starts[p], starts[p + 1]):
            begin = p * panel + pieces[piece, 0]
            for x in range(begin, begin + pieces[piece, 1]):
                if not np.isfinite(checks[x]):
                    flags[pieces[piece, 3]] = 1


def refusal(dtype, geometry):
    """Return why this algorithm cannot compute a call, or None."""
    if dtype.kind != "f":
        return f"its transforms need fractions, and {dtype} has none"
    for name, needed in (("kernel_size", (3, 3)), ("stride", (1, 1)), ("dilation", (1, 1)), ("groups", 1)):
        if getattr(geometry, name) != needed:
            return f"it needs {name} {needed}, not {getattr(geometry, name)}"
    return None


def error_bound(terms, unit):
    """Return c such that |computed - exact| <= c W, for a sum of `terms` products and W = `magnitude`(...).

    On its way to an output an entry of the input passes at most ROUNDINGS roundings in each axis of each of the three
    transforms, one in its product, and those of the sum over channels and the bias. As all of them only add products of
    entries with the matrices' entries, c is Higham's n u / (1 - n u) for so many roundings (see `direct.error_bound`).
    """
    n = terms + 6 * ROUNDINGS + 1
    return n * unit / (1 - n * unit)
