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

Tiles are numbered through all rows and images: the micro-kernel multiplies a block of neighbouring ones, which may
end one image and begin the next, with one vector of filters. The gradient of the input is the same with turned filters,
the channels of F exchanged, and padding K - 1 - P, which crops where that is negative.

Transforming costs memory traffic, not time, as long as its results stay near the processor:

- Many tiles: U is computed first. A task transforms the windows of some tiles, multiplies them with one vector of
  filters after the other, and transforms back.
- Few tiles: V is computed first. A task transforms one vector of filters, some channels at a time, multiplies V with
  it, and transforms back. So U never exists as a whole, which would be larger than F. If V is large, it takes a few
  vectors of filters: of V it then reads one position of some channels at a time, for all of them. If that would take
  more memory than a call may have, U is computed first after all, or a task takes one vector.

If what is computed first is not too large, each thread computes all of it for itself: what one core writes and another
reads passes from cache to cache, and that takes longer than to compute it twice.

An inf, or a number so large that the transforms overflow, would reach all outputs of its tile, as NaN. So images
with a result that is not finite are computed again by "gemm".
"""

from dataclasses import replace
from functools import lru_cache, partial
from typing import NamedTuple

import numpy as np
from numba import get_num_threads

from lectcode.kernels import gemm
from lectcode.kernels.block import ROWS, round_up
from lectcode.kernels.correlation import no_bias, one_window
from lectcode.kernels.simd import BYTES
from lectcode.kernels.threads import share
from lectcode.kernels.winograd_loops import (
    BLOCK,
    DEPTH,
    HALF,
    PIECE,
    POSITIONS,
    WINDOW,
    compute,
    constants_of,
    places_of,
    transform_blocks,
    transform_filters,
)
from lectcode.kernels.winograd_transforms import ROUNDINGS, A, B, G

SQUARES = (3, 3), (5, 5)  # the filters
TILES = 96  # of a task, if there are many
MANY = 384  # tiles of all images
# Multiply-adds that take as long as transforming one number of F, one window of one channel, one tile of one filter,
# for each size of the filters (measured).
FILTER_COST = {3: 28, 5: 18}
WINDOW_COST = {3: 480, 5: 350}
BACK_COST = {3: 500, 5: 240}
# And as one multiply-add of "gemm", which moves more numbers for each. With shorter vectors it takes longer, and what
# is moved with it counts less.
GEMM_COST = 1.5 if BYTES == 64 else 1.1
WIDE = 32  # channels of a group, if there are several
CALL_COST = 300_000  # what a call costs, whatever the sizes
OWN = 2**23  # bytes of U or V in all threads, if each computes all of it for itself
SMALL = 2**23  # bytes of workspace that no machine misses
# If V is computed first and has more bytes, it comes from far away each time. Then each part of it that comes is
# multiplied with so many vectors of filters, one after the other.
FAR, AT_ONCE = 2**22, 4


class Sizes(NamedTuple):
    """What the compiled loops must know; every pair is (height, width), distances are counted in elements."""

    rows: int  # of the product, per group: filters, or channels of dI
    channels: int  # of the source, per group
    groups: int
    K: int  # size of the filters
    tile: int  # outputs along one axis
    turned: bool  # the filters are turned, and their channels are the rows
    F_channel: int  # from one channel of the source to the next in the filters
    size: tuple  # of the source
    corner: tuple  # the source's pixel at the corner of the first window; negative in the padding
    result: tuple
    grid: tuple  # tiles of an image
    total: int  # tiles of all images
    tiles: int  # of a task; all of them unless U is computed first
    parts: int  # of the channels, DEPTH in each but the last
    at_once: int  # vectors of filters that are multiplied with a part of V before the next is read; 1 if U is first
    filters_first: bool  # U is computed first, else V
    common: bool  # once for all threads
    width: int  # of the padded source, and what a vector may write past it
    U_pitch: int  # from one position to the next
    V_pitch: int
    M_pitch: int
    wide: int  # channels, in whole vectors
    whole: int  # tiles of V, in whole blocks


def _work(total, rows, channels, K, lanes):
    """Return what it takes to transform F, the windows, and to multiply and transform back, in multiply-adds."""
    total, rows, across = round_up(total, HALF), round_up(rows, lanes), round_up(channels, lanes)
    products = total * rows * (POSITIONS * channels + BACK_COST[K])
    return FILTER_COST[K] * K * K * rows * channels, WINDOW_COST[K] * across * total, products


def _busiest(parts, threads):
    """Return which part of the work the busiest of some threads has, if all parts are equal."""
    return -(-parts // threads) / parts


def _tiles(N, K, result):
    """Return the size of a tile, the tiles of an image along each axis, and those of all images."""
    tile = WINDOW - K + 1
    grid = tuple(-(-length // tile) for length in result)
    return tile, grid, N * grid[0] * grid[1]


@lru_cache(512)
def plan(N, rows, channels, groups, K, turned, size, corner, result, itemsize, threads=1):
    """Return the sizes of a correlation."""
    lanes = BYTES // itemsize
    *_, total = _tiles(N, K, result)
    vectors = -(-rows // lanes)
    filters_first = total >= MANY
    all_U = vectors * lanes * POSITIONS * channels * itemsize
    if not filters_first and threads > 1 and threads * all_U <= OWN:
        # The busiest thread counts: few vectors of filters share badly, and so do few blocks of tiles.
        of_filters, of_windows, products = _work(total, rows, channels, K, lanes)
        by_tiles = of_filters + (of_windows + products) * _busiest(-(-total // BLOCK), threads)
        by_filters = of_windows + (of_filters + products) * _busiest(vectors, threads)
        filters_first = by_tiles < by_filters
    call = N, rows, channels, groups, K, turned, size, corner, result, itemsize, threads
    best = _sizes(*call, filters_first)
    most, size_of = room(N, rows, channels, groups, K, size, result, itemsize), partial(taken, itemsize=itemsize)
    if filters_first or size_of(best) <= most:
        return best
    smaller = _sizes(*call, True), best._replace(at_once=1)  # U may have room where V has none; the faster one first
    return next((sizes for sizes in smaller if size_of(sizes) <= most), min(best, *smaller, key=size_of))


def _sizes(N, rows, channels, groups, K, turned, size, corner, result, itemsize, threads, filters_first):
    """Return the sizes of a correlation that computes U first, or V."""
    lanes = BYTES // itemsize
    tile, grid, total = _tiles(N, K, result)
    vectors = -(-rows // lanes)
    tiles = total
    if filters_first:  # as many tasks for every thread, of whole blocks; but each reads all of U: not of very few
        tasks = round_up(-(-total // TILES), threads)
        most = round_up(-(-total // tasks), BLOCK)
        tiles = next((t for t in range(most, most // 2, -BLOCK) if -(-total // t) % threads == 0), most)
    wide = round_up(channels, lanes)
    # A power of two as distance between positions would send all 36 to the same place in the caches: one vector is
    # added.
    whole = round_up(tiles, BLOCK)
    U_pitch, V_pitch, M_pitch = (min(channels, DEPTH) + 1) * lanes, whole * wide + lanes, (whole + 1) * lanes
    parts = -(-channels // DEPTH)
    first = vectors * parts * U_pitch if filters_first else V_pitch
    at_once = 1
    if not filters_first and POSITIONS * V_pitch * itemsize > FAR:
        at_once = -(-vectors // round_up(-(-vectors // AT_ONCE), threads))  # as many tasks for every thread
    return Sizes(
        rows,
        channels,
        groups,
        K,
        tile,
        turned,
        K * K * (rows if turned else 1),
        size,
        corner,
        result,
        grid,
        total,
        tiles,
        parts,
        at_once,
        filters_first,
        threads * POSITIONS * first * itemsize > OWN,
        tile * (grid[1] - 1) + WINDOW + lanes,
        U_pitch,
        V_pitch,
        M_pitch,
        wide,
        whole,
    )


@lru_cache(8)
def _constants(dtype, K):
    return constants_of(dtype, K)


@lru_cache(64)
def _places(sizes, lanes):
    return places_of(sizes, lanes)


@lru_cache(64)
def workspace(sizes, lanes):
    """Return how many numbers a call stores, and each of its threads, in the first step and in the second."""
    U, V, M = (POSITIONS * pitch for pitch in (sizes.U_pitch, sizes.V_pitch, sizes.M_pitch))
    taps = (lanes + sizes.K**2 + lanes) * lanes
    windows = 2 * WINDOW * sizes.width * lanes  # the ring and the lines
    back = sizes.tile * (WINDOW + sizes.tile * PIECE + lanes) * lanes + lanes * lanes
    first, second, room = V, sizes.at_once * U, windows
    if sizes.filters_first:
        first, second, room = -(-sizes.rows // lanes) * sizes.parts * U, V, taps
    rest = second + sizes.at_once * M + max(taps, windows, back)
    return (first, room, rest) if sizes.common else (0, 0, first + rest)


def taken(sizes, itemsize):
    """Return how many bytes of workspace a call takes with one thread."""
    shared, _, own = workspace(sizes, BYTES // itemsize)
    return (shared + own) * itemsize


def room(N, rows, channels, groups, K, size, result, itemsize):
    """Return how many it may take: twice the size of the tensors, or SMALL."""
    tensors = N * (channels * size[0] * size[1] + rows * result[0] * result[1]) + K * K * rows * channels
    return max(2 * groups * tensors * itemsize, SMALL)


def forward(I, F, B, geometry, O):
    """Write the convolution of I with F, plus B, into O."""
    corner = tuple(-before for before in geometry.before)
    for n in _correlate(I, F, False, B, geometry.groups, corner, O):
        gemm.forward(I[n : n + 1], F, B, geometry, O[n : n + 1])


def grad_input(G, F, geometry, dI):
    """Write the gradient of the input into dI."""
    corner = tuple(before - (F.shape[2] - 1) for before in geometry.before)
    for n in _correlate(G, F, True, no_bias(dI.shape[1], G.dtype), geometry.groups, corner, dI):
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
    flags = np.zeros(N, np.uint8)
    for x, f, b, o in zip(
        _cuts(X, X.size // N // groups, groups),
        _cuts(F, F.size // groups, groups),
        bias.reshape(groups, rows),
        _cuts(O, O.size // N // groups, groups),
        strict=True,
    ):
        _product(x, f, b, sizes, o, flags)
    return np.flatnonzero(flags)


def _cuts(array, distance, groups):
    """Return the numbers of an array from where each group begins."""
    return [array.reshape(-1)[group * distance :] for group in range(groups)]


def _product(X, F, bias, sizes, O, flags):
    """Write the results of one group; flag the images where they are not finite."""
    K, five, lanes = sizes.K, None if sizes.K == 3 else sizes.K, BYTES // X.itemsize
    places, constants = _places(sizes, lanes), _constants(X.dtype, K)
    vectors = -(-sizes.rows // lanes)
    D = np.zeros(vectors * lanes, X.dtype)
    D[: sizes.rows] = bias
    shared, *own = workspace(sizes, lanes)
    given, (own, more) = np.empty(shared, X.dtype), ((size, X.dtype) for size in own)  # given: U or V
    of_filters, of_windows, work = _work(sizes.total, sizes.rows, sizes.channels, K, lanes)
    if sizes.filters_first:
        begin = transform_filters, vectors, of_filters, F, five
        tasks, work = -(-sizes.total // sizes.tiles), work + of_windows
    else:
        begin = transform_blocks, -(-sizes.total // BLOCK), of_windows, X
        tasks, work = -(-vectors // sizes.at_once), work + of_filters
    if sizes.common:
        share(*begin, sizes, places, constants, given, workspace=own)
    share(compute, tasks, work, X, F, five, given, D, sizes, places, constants, O, flags, workspace=more)


def chooses(geometry, N, rows, channels, result, itemsize):
    """Tell whether Winograd is faster than "gemm", by what both do, counted in multiply-adds of one number.

    The products cost 36 for each tile, filter and channel instead of K K for each output; but tiles, filters and
    channels are computed in whole blocks and vectors, and the transforms cost WINDOW_COST for each tile and channel,
    BACK_COST for each tile and filter, and FILTER_COST for each entry of F. Of several groups each costs a call, and
    narrow ones are better computed side by side, by "gemm"; and if the only window is the whole image, "gemm"
    multiplies two plain matrices. The workspace, with that of one thread, must not exceed twice the size of the tensors
    or SMALL bytes. Nothing here depends on the number of threads, so neither do results.
    """
    if min(N, rows, channels, *result) == 0 or one_window(geometry):
        return False
    groups, K = geometry.groups, geometry.kernel_size[0]
    rows, channels = rows // groups, channels // groups
    if groups > 1 and min(rows, channels) < WIDE:
        return False
    sizes = plan(N, rows, channels, groups, K, False, result, (0, 0), result, itemsize)
    computed = max(round_up(rows, ROWS) - 1, rows)  # by "gemm": a block that is not full takes nearly as long
    by_gemm = GEMM_COST * N * result[0] * result[1] * K * K * channels * computed
    pays = sum(_work(sizes.total, rows, channels, K, BYTES // itemsize)) + CALL_COST < by_gemm
    return pays and taken(sizes, itemsize) <= room(N, rows, channels, groups, K, result, result, itemsize)


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
