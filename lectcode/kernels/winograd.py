"""Winograd's convolution: a quarter of the products for filters of 3 x 3 with stride 1, and 36 of 100 for 5 x 5.

The output is cut into tiles, of 4 x 4 for filters of 3 x 3, "F(4 x 4, 3 x 3)", and of 2 x 2 for 5 x 5,
"F(2 x 2, 5 x 5)". Both need a window of 6 x 6 inputs, which its neighbours' windows overlap. With the transforms of
`lectcode.kernels.winograd_transforms`

    U[c_out, c_in] = G F[c_out, c_in] G^T       of each filter
    V[c_in, t]     = B I_pad[c_in, window t] B^T     of each window
    M[c_out, t]    = sum_{c_in} U[c_out, c_in] * V[c_in, t]     entry by entry
    O[c_out, tile t] = A M[c_out, t] A^T + bias

The third line is 36 matrix products, one for each entry ("position") of the 6 x 6 matrices; the micro-kernel
computes them.

Vectors run over tiles. So that none of their lanes is idle, tiles are numbered through all rows and images: a panel
of neighbouring tiles may end one image and begin the next. The gradient of the input is the same with turned
filters, the channels of F exchanged, and padding K - 1 - P, which crops where that is negative.

Transforming costs memory traffic, not time, as long as its results stay near the processor:

- Many tiles: U is computed first. A task transforms the windows of some hundred tiles, multiplies them with one
  group of filters after the other, and transforms back.
- Few tiles: V is computed first. A task transforms one group of filters, multiplies V with it, and transforms back.
  So U never exists as a whole, which would be larger than F.

If what is computed first is small, each thread computes all of it for itself: what one core writes and another reads
passes from cache to cache, and that takes longer than to compute it twice.

An inf, or a number so large that the transforms overflow, would reach all outputs of its tile, as NaN. So images
with a result that is not finite are computed again by "gemm".

The loops are compiled for each size of the filters on its own, when it is first needed: `five` is None for 3 x 3 and a
number for 5 x 5, and Numba leaves out what follows an `if` that the type of an argument decides.
"""

from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numba import get_num_threads, njit

from lectcode.kernels import gemm
from lectcode.kernels.block import ROWS, VECTORS, multiply_add_1, multiply_add_2, multiply_add_3
from lectcode.kernels.correlation import one_window
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
    filter_transform_3,
    filter_transform_5,
    input_transform,
    output_transform_3,
    output_transform_5,
)

WINDOW = 6  # inputs of a tile along one axis
POSITIONS = WINDOW * WINDOW
SQUARES = (3, 3), (5, 5)  # the filters
DEPTH = 128  # channels that the micro-kernel adds at once: their part of a panel fits in the nearest cache
TILES = 96  # of a task, if there are many
MANY = 4 * TILES  # tiles of all images
ZEROS = len(INPUT) + len(OUTPUT)  # where the zeros stand among the constants
NUMBERS = ZEROS + ROWS  # and behind them, the numbers of G
# Multiply-adds that take as long as transforming one number of F, one window of one channel, one tile of one filter,
# for each size of the filters.
FILTER_COST = {3: 24, 5: 24}
WINDOW_COST = {3: 350, 5: 350}
BACK_COST = {3: 350, 5: 120}
WIDE = 32  # channels of a group, if there are several
CALL_COST = 1_000_000  # what two steps and their tables cost, whatever the sizes
OWN = 2**21  # bytes of U or V that each thread computes for itself
SMALL = 2**23  # bytes of workspace that no machine misses


class Sizes(NamedTuple):
    """What the compiled loops must know; every pair is (height, width), distances are counted in elements."""

    rows: int  # of the product, per group: filters, or channels of dI
    channels: int  # of the source, per group
    groups: int
    K: int  # size of the filters
    tile: int  # outputs along one axis
    turned: bool  # the filters are turned, and their channels are the rows
    size: tuple  # of the source
    corner: tuple  # the source's pixel at the corner of the first window; negative in the padding
    result: tuple
    grid: tuple  # tiles of an image
    total: int  # tiles of all images
    tiles: int  # of a task; all of them unless U is computed first
    filters_first: bool  # U is computed first, else V
    common: bool  # once for all threads
    panel: int  # tiles side by side in a panel
    group: int  # filters side by side in a group
    U_pitch: int  # from one position to the next
    V_pitch: int
    M_pitch: int
    lines: int  # of transformed pixels, all but the first beginning some tiles later
    line: int  # numbers in each
    width: int  # of a band
    band: int  # pixels of padded source that a task needs


def _work(total, rows, channels, K):
    """Return what it takes to transform F, the windows, and to multiply and transform back, in multiply-adds."""
    products = total * rows * (POSITIONS * channels + BACK_COST[K])
    return FILTER_COST[K] * K * K * rows * channels, WINDOW_COST[K] * channels * total, products


def _tiles_share_better(total, rows, channels, K, group, threads):
    """Tell whether several threads finish sooner if each takes some tiles, all filters transformed, than the reverse.

    The busiest thread counts: few groups of filters share badly, and so do few vectors of tiles, here as long as a
    group is wide.
    """

    def share_of(parts):
        return -(-parts // threads) / parts

    of_filters, of_windows, products = _work(total, rows, channels, K)
    by_tiles = of_filters + (of_windows + products) * share_of(-(-total // group))
    by_filters = of_windows + (of_filters + products) * share_of(-(-rows // group))
    return by_tiles < by_filters and threads > 1


@lru_cache(512)
def plan(N, rows, channels, groups, K, turned, size, corner, result, itemsize, threads=1):
    """Return the sizes of a correlation."""
    lanes = BYTES // itemsize
    panel, group = VECTORS * lanes, max(lanes, ROWS)
    tile = WINDOW - K + 1
    grid = tuple(-(-length // tile) for length in result)
    total = N * grid[0] * grid[1]
    # A power of two as distance between positions would send all 36 to the same place in the caches: one vector is
    # added.
    U_pitch = channels * group + lanes
    all_U = -(-rows // group) * POSITIONS * U_pitch * itemsize
    filters_first = total >= MANY or (all_U <= OWN and _tiles_share_better(total, rows, channels, K, group, threads))
    tiles = total
    if filters_first:  # as many tasks for every thread, of whole vectors
        tasks = -(-total // TILES)
        vectors = -(-total // ((tasks + -tasks % threads) * lanes))
        tiles = min(vectors * lanes, TILES)
    panels = -(-tiles // panel)
    pitches = U_pitch, panels * channels * panel + lanes, panels * group * panel + lanes
    width = tile * grid[1] + 4  # K - 1 would do
    band = (tiles // grid[1] + 2) * WINDOW * width + 2 * lanes
    return Sizes(
        rows,
        channels,
        groups,
        K,
        tile,
        turned,
        size,
        corner,
        result,
        grid,
        total,
        tiles,
        filters_first,
        (all_U if filters_first else POSITIONS * pitches[1] * itemsize) > OWN,
        panel,
        group,
        *pitches,
        -(-WINDOW // tile),
        tile * panel + lanes,
        width,
        band + -band % lanes,
    )


def workspace(sizes):
    """Return how many numbers a call stores, and each of its threads, in the first step and in the second."""
    U, V, M = (POSITIONS * pitch for pitch in (sizes.U_pitch, sizes.V_pitch, sizes.M_pitch))
    taps, windows = sizes.K**2 * sizes.channels * sizes.group, sizes.lines * WINDOW * sizes.line + sizes.band
    first, second, room = V, U, windows
    if sizes.filters_first:
        first, second, room = -(-sizes.rows // sizes.group) * U, V, taps
    rest = second + M + sizes.tiles + sizes.panel + max(taps, windows)
    return (first, room, rest) if sizes.common else (0, 0, first + rest)


def forward(I, F, B, geometry, O):
    """Write the convolution of I with F, plus B, into O."""
    corner = tuple(-before for before in geometry.before)
    for n in _correlate(I, F, False, B, geometry.groups, corner, O):
        gemm.forward(I[n : n + 1], F, B, geometry, O[n : n + 1])


def grad_input(G, F, geometry, dI):
    """Write the gradient of the input into dI."""
    corner = tuple(before - (F.shape[2] - 1) for before in geometry.before)
    for n in _correlate(G, F, True, np.zeros(dI.shape[1], G.dtype), geometry.groups, corner, dI):
        gemm.grad_input(G[n : n + 1], F, geometry, dI[n : n + 1])


def _correlate(X, F, turned, bias, groups, corner, O):
    """Write the correlation of X with F, plus bias, into O; return the images whose result is not finite."""
    (N, rows), channels, K = O.shape[:2], X.shape[1], F.shape[2]
    if O.size == 0:
        return []
    if channels == 0:
        O[...] = bias[:, None, None]
        return []
    rows, channels = rows // groups, channels // groups
    sizes = plan(N, rows, channels, groups, K, turned, X.shape[2:], corner, O.shape[2:], X.itemsize, get_num_threads())
    constants, steps = _constants(X.dtype, K, sizes.panel, sizes.group)
    flags = np.zeros(N, np.uint8)
    for x, f, b, o in zip(
        _cuts(X, X.size // N // groups, groups),
        _cuts(F, F.size // groups, groups),
        bias.reshape(groups, rows),
        _cuts(O, O.size // N // groups, groups),
        strict=True,
    ):
        _product(x, f, b, sizes, constants, steps, o, flags)
    return np.flatnonzero(flags)


def _cuts(array, distance, groups):
    """Return the numbers of an array from where each group begins."""
    return [array.reshape(-1)[group * distance :] for group in range(groups)]


def _product(X, F, bias, sizes, constants, steps, O, flags):
    """Write the results of one group; flag the images where they are not finite."""
    K, five = sizes.K, None if sizes.K == 3 else sizes.K
    filters = -(-sizes.rows // sizes.group)  # groups of filters
    D = np.zeros(filters * sizes.group, X.dtype)
    D[: sizes.rows] = bias
    shared, *own = workspace(sizes)
    given, (own, more) = np.empty(shared, X.dtype), ((size, X.dtype) for size in own)  # given: U or V
    of_filters, of_windows, work = _work(sizes.total, sizes.rows, sizes.channels, K)
    if sizes.filters_first:
        begin = _transform_filters, filters, of_filters, F
        tasks, work = -(-sizes.total // sizes.tiles), work + of_windows
    else:
        begin = _transform_windows, sizes.channels, of_windows, X
        tasks, work = filters, work + of_filters
    if sizes.common:
        share(*begin, five, sizes, constants, given, workspace=own)
    share(_compute, tasks, work, X, F, five, given, D, sizes, constants, steps, O, flags, workspace=more)


@lru_cache(8)
def _constants(dtype, K, panel, group):
    """Return the numbers of the transforms and some zeros, and where step k of a product finds U and V."""
    numbers = INPUT + OUTPUT + (0,) * ROWS + FILTER[K]
    constants = np.array([float(number) for number in numbers], dtype)
    steps = np.concatenate([np.arange(DEPTH) * group, np.arange(DEPTH) * panel])
    constants.flags.writeable = steps.flags.writeable = False
    return constants, steps


@njit(nogil=True, cache=True)
def _transform_filters(F, five, sizes, constants, U, workspace, first, last):
    """Transform the groups of filters first, ..., last - 1."""
    for g in range(first, last):
        _transform_group(F, g, five, sizes, constants, workspace, U, g * POSITIONS * sizes.U_pitch)


@njit(nogil=True, cache=True)
def _transform_windows(X, five, sizes, constants, V, workspace, first, last):
    """Transform the windows of the channels first, ..., last - 1."""
    pieces, starts, bands = _cut(sizes, 0, sizes.total)
    for c in range(first, last):
        _transform_channel(X, c, five, sizes, pieces, starts, bands, constants, workspace, V)


@njit(nogil=True, cache=True)
def _compute(X, F, five, given, bias, sizes, constants, steps, O, flags, workspace, first, last):
    """Compute the tasks first, ..., last - 1: some tiles for all filters, or a group of filters for all tiles."""
    filters = (sizes.rows + sizes.group - 1) // sizes.group
    all_U, all_V = filters * POSITIONS * sizes.U_pitch, POSITIONS * sizes.V_pitch
    if not sizes.common:
        own = all_U if sizes.filters_first else all_V
        given, workspace = workspace[:own], workspace[own:]
    own, results = all_V if sizes.filters_first else POSITIONS * sizes.U_pitch, POSITIONS * sizes.M_pitch
    computed, workspace = workspace[:own], workspace[own:]
    M, workspace = workspace[:results], workspace[results:]
    checks, rest = workspace[: sizes.tiles + sizes.panel], workspace[sizes.tiles + sizes.panel :]
    U, V = (given, computed) if sizes.filters_first else (computed, given)
    if not sizes.common and sizes.filters_first:
        _transform_filters(F, five, sizes, constants, U, rest, 0, filters)
    elif not sizes.common:
        _transform_windows(X, five, sizes, constants, V, rest, 0, sizes.channels)
    pieces, starts, bands = _cut(sizes, 0, sizes.tiles)
    for task in range(first, last):
        first_group, last_group = task, task + 1
        if sizes.filters_first:
            first_group, last_group = 0, filters
            pieces, starts, bands = _cut(sizes, task * sizes.tiles, min((task + 1) * sizes.tiles, sizes.total))
            for c in range(sizes.channels):
                _transform_channel(X, c, five, sizes, pieces, starts, bands, constants, rest, V)
        else:
            _transform_group(F, task, five, sizes, constants, rest, U, 0)
        for g in range(first_group, last_group):
            u = g * POSITIONS * sizes.U_pitch if sizes.filters_first else 0
            _multiply(U, u, V, sizes, pieces, starts, constants, steps, M)
            _transform_back(M, g, five, sizes, pieces, starts, bias, constants, rest, checks, O, flags)


@njit(nogil=True, cache=True)
def _cut(sizes, first, last):
    """Cut the tiles first, ..., last - 1 into pieces that lie in one row of tiles and in one panel.

    A piece is (its first place in its panel, number of tiles, place of its windows in the band, image, row and
    column of its first output). Panel p has the pieces starts[p], ..., starts[p + 1] - 1. A band is what is needed
    of one image: (image, first row, number of rows, place), its rows being those of the padded source.
    """
    columns, side, width = sizes.grid[1], sizes.tile, sizes.width
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
            place += side * width
            bands[used - 1, 2] += side
        elif row != before:
            place = free
            bands[used, 0], bands[used, 1], bands[used, 2], bands[used, 3] = n, side * i, WINDOW, place
            used += 1
        free = place + WINDOW * width
        before = row
        p, x = divmod(tile - first, sizes.panel)
        if x == 0:
            starts[p] = count
        length = min(columns - j, last - tile, sizes.panel - x)
        pieces[count, 0], pieces[count, 1], pieces[count, 2] = x, length, place + side * j
        pieces[count, 3], pieces[count, 4], pieces[count, 5] = n, side * i, side * j
        count += 1
        tile += length
    starts[panels] = count
    return pieces[:count], starts, bands[:used]


@njit(nogil=True, cache=True)
def _five(numbers, first):
    return (
        splat(numbers[first]),
        splat(numbers[first + 1]),
        splat(numbers[first + 2]),
        splat(numbers[first + 3]),
        splat(numbers[first + 4]),
    )


@njit(nogil=True, cache=True)
def _six(numbers, first):
    return (*_five(numbers, first), splat(numbers[first + 5]))


@njit(nogil=True, cache=True)
def _load_five(array, index, distance):
    return (
        load(array, index),
        load(array, index + distance),
        load(array, index + 2 * distance),
        load(array, index + 3 * distance),
        load(array, index + 4 * distance),
    )


@njit(nogil=True, cache=True)
def _load_six(array, index, distance):
    return (*_load_five(array, index, distance), load(array, index + 5 * distance))


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
def _columns_3(lines, at, line, lanes):
    """Return the columns of windows that begin at every fourth pixel, from two lines, one beginning a tile later."""
    a_0, a_1 = load(lines, at), load(lines, at + lanes)
    a_2, a_3 = load(lines, at + 2 * lanes), load(lines, at + 3 * lanes)
    at += line
    b_0, b_1 = load(lines, at), load(lines, at + lanes)
    b_2, b_3 = load(lines, at + 2 * lanes), load(lines, at + 3 * lanes)
    even_0, even_1, odd_0, odd_1 = evens(a_0, a_1), evens(a_2, a_3), odds(a_0, a_1), odds(a_2, a_3)
    return (
        evens(even_0, even_1),
        evens(odd_0, odd_1),
        odds(even_0, even_1),
        odds(odd_0, odd_1),
        evens(evens(b_0, b_1), evens(b_2, b_3)),
        evens(odds(b_0, b_1), odds(b_2, b_3)),
    )


@njit(nogil=True, cache=True)
def _columns_5(lines, at, line, lanes):
    """Return the columns of windows that begin at every second pixel, from three lines, each beginning a tile later."""
    a_0, a_1 = load(lines, at), load(lines, at + lanes)
    b_0, b_1 = load(lines, at + line), load(lines, at + line + lanes)
    c_0, c_1 = load(lines, at + 2 * line), load(lines, at + 2 * line + lanes)
    return evens(a_0, a_1), odds(a_0, a_1), evens(b_0, b_1), odds(b_0, b_1), evens(c_0, c_1), odds(c_0, c_1)


@njit(nogil=True, cache=True)
def _transform_channel(X, c, five, sizes, pieces, starts, bands, constants, workspace, V):
    """Write B window B^T of all tiles in one channel, V[position][panel][channel][place in the panel]."""
    lanes = lanes_of(X)
    side, width, line, later = sizes.tile, sizes.width, sizes.line, sizes.lines
    lines, band = workspace[: later * WINDOW * line], workspace[later * WINDOW * line :]
    k = _six(constants, 0)
    for b in range(bands.shape[0]):
        plane = (bands[b, 0] * sizes.groups * sizes.channels + c) * sizes.size[0] * sizes.size[1]
        corner = sizes.corner[0] + bands[b, 1], sizes.corner[1]
        pad_plane(X, plane, sizes.size, corner, (1, 1), (1, 1), (bands[b, 2], width), band, bands[b, 3])
    end = bands[-1, 3] + bands[-1, 2] * width
    band[end : end + lanes] = 0  # the last vector of the last row reads past it
    for p in range(starts.size - 1):
        # From row to row: a vector holds neighbouring pixels.
        for piece in range(starts[p], starts[p + 1]):
            for shift in range(later):
                to, from_ = shift * line + side * pieces[piece, 0], pieces[piece, 2] + shift * side
                for x in range(0, side * pieces[piece, 1], lanes):
                    _store_six(lines, to + x, later * line, input_transform(_load_six(band, from_ + x, width), k))
        # Lanes without a tile compute with zeros.
        tiles = _count(pieces, starts, p)
        full = (tiles + lanes - 1) // lanes * lanes
        if tiles < full:
            for i in range(later * WINDOW):
                lines[i * line + side * tiles : i * line + side * full] = 0
        # From column to column: a vector holds the same pixel of neighbouring tiles.
        for x in range(0, tiles, lanes):
            for i in range(WINDOW):
                at = later * i * line + side * x
                window = _columns_3(lines, at, line, lanes) if five is None else _columns_5(lines, at, line, lanes)
                to = WINDOW * i * sizes.V_pitch + (p * sizes.channels + c) * sizes.panel + x
                _store_six(V, to, sizes.V_pitch, input_transform(window, k))


@njit(nogil=True, cache=True)
def _transform_filters_3(taps, at, group, constants, U, to, pitch):
    """Write G F G^T of a vector of filters of 3 x 3."""
    k = _six(constants, NUMBERS), splat(constants[NUMBERS + 6])
    down = 3 * group
    u_0 = filter_transform_3((load(taps, at), load(taps, at + down), load(taps, at + 2 * down)), k)
    at += group
    u_1 = filter_transform_3((load(taps, at), load(taps, at + down), load(taps, at + 2 * down)), k)
    at += group
    u_2 = filter_transform_3((load(taps, at), load(taps, at + down), load(taps, at + 2 * down)), k)
    for i in range(WINDOW):
        _store_six(U, to + WINDOW * i * pitch, pitch, filter_transform_3((u_0[i], u_1[i], u_2[i]), k))


@njit(nogil=True, cache=True)
def _transform_filters_5(taps, at, group, constants, U, to, pitch):
    """Write G F G^T of a vector of filters of 5 x 5."""
    k = splat(constants[NUMBERS]), _five(constants, NUMBERS + 1), _five(constants, NUMBERS + 6)
    down = 5 * group
    u_0 = filter_transform_5(_load_five(taps, at, down), k)
    u_1 = filter_transform_5(_load_five(taps, at + group, down), k)
    u_2 = filter_transform_5(_load_five(taps, at + 2 * group, down), k)
    u_3 = filter_transform_5(_load_five(taps, at + 3 * group, down), k)
    u_4 = filter_transform_5(_load_five(taps, at + 4 * group, down), k)
    for i in range(WINDOW):
        u = filter_transform_5((u_0[i], u_1[i], u_2[i], u_3[i], u_4[i]), k)
        _store_six(U, to + WINDOW * i * pitch, pitch, u)


@njit(nogil=True, cache=True)
def _transform_group(F, g, five, sizes, constants, taps, U, start):
    """Write G F G^T of one group of filters, U[position][channel][filter in the group], zero where it has no filter."""
    lanes = lanes_of(F)
    channels, group, number = sizes.channels, sizes.group, sizes.K * sizes.K
    filters = min(group, sizes.rows - g * group)
    for r in range(filters):
        row = g * group + r
        for c in range(channels):
            begin = number * (c * sizes.rows + row) if sizes.turned else number * (row * channels + c)
            from_ = F[begin : begin + number]
            for t in range(number):
                taps[(c * number + t) * group + r] = from_[number - 1 - t] if sizes.turned else from_[t]
    for r in range(filters, group):
        for x in range(number * channels):
            taps[x * group + r] = 0
    for c in range(channels):
        for r in range(0, group, lanes):
            at, to = number * c * group + r, start + c * group + r
            if five is None:
                _transform_filters_3(taps, at, group, constants, U, to, sizes.U_pitch)
            else:
                _transform_filters_5(taps, at, group, constants, U, to, sizes.U_pitch)


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
def _back_3(M, at, pitch, lines, line, x, b, k, check):
    """Write A M A^T + b of a vector of tiles of 4 x 4 to four lines; return check plus the sum of each tile."""
    lanes = lanes_of(M)
    for j in range(WINDOW):
        y = output_transform_3(_load_six(M, at + j * pitch, WINDOW * pitch), k)
        to = 4 * line + j * lanes
        store(lines, to, y[0])
        store(lines, to + WINDOW * lanes, y[1])
        store(lines, to + 2 * WINDOW * lanes, y[2])
        store(lines, to + 3 * WINDOW * lanes, y[3])
    for i in range(4):
        y = output_transform_3(_load_six(lines, 4 * line + WINDOW * i * lanes, lanes), k)
        check = check + ((y[0] + y[1]) + (y[2] + y[3]))
        y_0, y_1, y_2, y_3 = y[0] + b, y[1] + b, y[2] + b, y[3] + b
        low_0, high_0, low_1, high_1 = zip_low(y_0, y_2), zip_high(y_0, y_2), zip_low(y_1, y_3), zip_high(y_1, y_3)
        to = i * line + 4 * x
        store(lines, to, zip_low(low_0, low_1))
        store(lines, to + lanes, zip_high(low_0, low_1))
        store(lines, to + 2 * lanes, zip_low(high_0, high_1))
        store(lines, to + 3 * lanes, zip_high(high_0, high_1))
    return check


@njit(nogil=True, cache=True)
def _back_5(M, at, pitch, lines, line, x, b, k, check):
    """Write A M A^T + b of a vector of tiles of 2 x 2 to two lines; return check plus the sum of each tile."""
    lanes = lanes_of(M)
    for j in range(WINDOW):
        y = output_transform_5(_load_six(M, at + j * pitch, WINDOW * pitch), k)
        to = 2 * line + j * lanes
        store(lines, to, y[0])
        store(lines, to + WINDOW * lanes, y[1])
    for i in range(2):
        y = output_transform_5(_load_six(lines, 2 * line + WINDOW * i * lanes, lanes), k)
        check = check + (y[0] + y[1])
        y_0, y_1 = y[0] + b, y[1] + b
        to = i * line + 2 * x
        store(lines, to, zip_low(y_0, y_1))
        store(lines, to + lanes, zip_high(y_0, y_1))
    return check


@njit(nogil=True, cache=True)
def _transform_back(M, g, five, sizes, pieces, starts, bias, constants, lines, checks, O, flags):
    """Write A M A^T plus bias to the outputs of one group of filters; flag the images where it is not finite."""
    lanes = lanes_of(M)
    panel, pitch, line, side = sizes.panel, sizes.M_pitch, sizes.line, sizes.tile
    height, width = sizes.result
    k = _six(constants, 6)
    for x in range(checks.size):
        checks[x] = 0
    for row in range(g * sizes.group, min((g + 1) * sizes.group, sizes.rows)):
        b = splat(bias[row])
        for p in range(starts.size - 1):
            for x in range(0, _count(pieces, starts, p), lanes):
                at = (p * sizes.group + row - g * sizes.group) * panel + x
                check = load(checks, p * panel + x)
                if five is None:
                    check = _back_3(M, at, pitch, lines, line, x, b, k, check)
                else:
                    check = _back_5(M, at, pitch, lines, line, x, b, k, check)
                store(checks, p * panel + x, check)
            for piece in range(starts[p], starts[p + 1]):
                h, w = pieces[piece, 4], pieces[piece, 5]
                length = min(side * pieces[piece, 1], width - w)
                to = ((pieces[piece, 3] * sizes.groups * sizes.rows + row) * height + h) * width + w
                for i in range(min(side, height - h)):
                    from_ = i * line + side * pieces[piece, 0]
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


def chooses(geometry, N, rows, channels, result, itemsize):
    """Tell whether Winograd is faster than "gemm", by what both do, counted in multiply-adds of one number.

    The products cost 36 for each tile, filter and channel instead of K K for each output; but a vector is full only if
    there are enough tiles, and the transforms cost WINDOW_COST for each tile and channel, BACK_COST for each tile
    and filter, and FILTER_COST for each entry of F. Of several groups each costs a call, and narrow ones are better
    computed side by side, by "gemm"; and if the only window is the whole image, "gemm" multiplies two plain matrices.
    The workspace, with that of one thread, must not exceed twice the size of the tensors or SMALL bytes. Nothing here
    depends on the number of threads, so neither do results.
    """
    if min(N, rows, channels, *result) == 0 or one_window(geometry):
        return False
    groups, K = geometry.groups, geometry.kernel_size[0]
    rows, channels = rows // groups, channels // groups
    if groups > 1 and min(rows, channels) < WIDE:
        return False
    lanes = BYTES // itemsize
    sizes = plan(N, rows, channels, groups, K, False, result, (0, 0), result, itemsize)
    steps = -(-sizes.total // lanes) * lanes
    products = POSITIONS * steps * channels * rows
    taps = K * K * rows * channels
    transforms = FILTER_COST[K] * taps + sizes.total * (WINDOW_COST[K] * channels + BACK_COST[K] * rows)
    pixels = N * result[0] * result[1]
    tensors = groups * (pixels * (rows + channels) + taps) * itemsize
    shared, _, own = workspace(sizes)
    pays = products + transforms + CALL_COST < pixels * taps
    return pays and (shared + own) * itemsize <= max(2 * tensors, SMALL)


def refusal(dtype, geometry):
    """Return why this algorithm cannot compute a call, or None."""
    if np.dtype(dtype).kind != "f":
        return f"its transforms contain fractions, and {np.dtype(dtype)} has none"
    if geometry.kernel_size not in SQUARES:
        return f"it needs kernel_size={' or '.join(map(str, SQUARES))}, got {geometry.kernel_size}"
    for name, needed in (("stride", (1, 1)), ("dilation", (1, 1))):
        if getattr(geometry, name) != needed:
            return f"it needs {name}={needed}, got {getattr(geometry, name)}"
    return None


def error_bound(terms, unit):
    """Return c such that |computed - exact| <= c W, for a sum of `terms` products a b and W of `magnitude`.

    On its way to an output a product of an entry of the input and one of a filter passes at most ROUNDINGS in each
    axis of each transform, one of its own, and those of the sum over channels and the bias: fewer than `terms`. All
    steps add products with entries of the matrices, so c is Higham's n u / (1 - n u) for so many roundings, see
    `direct.error_bound`.
    """
    of_input, of_output, of_filters = ROUNDINGS
    n = terms + 2 * (of_input + of_output + max(of_filters.values()))
    return n * unit / (1 - n * unit)


def magnitude(X, F, bias, geometry, turned):
    """Return W = |A| sum_c (|G| |F| |G^T|) * (|B| |window| |B^T|) |A^T| + |bias|, by which errors are bounded.

    It is the same for all outputs at the same place of a tile's window: an error may be as large as the largest
    numbers of the window allow, also at an output that does not see them.
    """
    if geometry.groups > 1:
        parts = (np.split(X, geometry.groups, 1), np.split(F, geometry.groups), np.split(bias, geometry.groups))
        alone = replace(geometry, groups=1)
        return np.concatenate([magnitude(*part, alone, turned) for part in zip(*parts, strict=True)], 1)
    corner, result, K = geometry.before, geometry.output_size, F.shape[2]
    tile = WINDOW - K + 1
    if turned:
        corner, result = tuple(before - (K - 1) for before in corner), geometry.input_size
        corner = tuple(-start for start in corner)
        F = F.transpose(1, 0, 2, 3)[:, :, ::-1, ::-1]
    grid = tuple(-(-length // tile) for length in result)
    room = [(max(P, 0), tile * tiles + WINDOW) for P, tiles in zip(corner, grid, strict=True)]
    padded = np.pad(np.abs(X), ((0, 0), (0, 0), *room))
    padded = padded[:, :, max(-corner[0], 0) :, max(-corner[1], 0) :]
    windows = np.lib.stride_tricks.sliding_window_view(padded, (WINDOW, WINDOW), (2, 3))
    windows = windows[:, :, : tile * grid[0] : tile, : tile * grid[1] : tile]
    a, b, g = (np.abs(matrix).astype(X.dtype) for matrix in (A[K], B, G[K]))
    U, V = g @ np.abs(F) @ g.T, b @ windows @ b.T
    M = np.einsum("rcij,ncyxij->nryxij", U, V)
    W = (a @ M @ a.T).swapaxes(3, 4).reshape(X.shape[0], F.shape[0], tile * grid[0], tile * grid[1])
    return W[:, :, : result[0], : result[1]] + np.abs(bias)[:, None, None]
