"""Convolutions of many groups, depthwise ones above all, and their gradients: vectors run across the groups.

A group has few filters and few channels, too few to fill a block of the micro-kernel of `lectcode.kernels.block`. But
all groups do the same with different numbers. So a task takes as many groups as a vector has lanes and copies their
planes to an image whose pixels are vectors, one lane per group. There each output is

    sum over channels c and taps k of F[r, c, k] times the pixel of channel c that the tap meets

in whole vectors, whatever the size of the image and the stride, and the copy has zeros around it for the padding. The
results are vectors as well and are turned back into planes.

The gradient of the input is a correlation too, for each remainder of the stride with some of the taps: see
`lectcode.kernels.axes`. The gradient of the filters is a sum over pixels with one sum for each tap. For all of
them a table says which pixel each step begins at and another how far from there each tap is; in the gradient of the
filters they change places.

No lane ever meets another: what one group has at a place says nothing about the others, NaN included.
"""

from functools import lru_cache
from math import prod
from typing import NamedTuple

import numpy as np

from lectcode.kernels import block
from lectcode.kernels.axes import Axis, forward_axes, grad_input_axes
from lectcode.kernels.compiled import entry, inner
from lectcode.kernels.correlation import no_bias
from lectcode.kernels.lanewise import ROWS, SUMS, multiply_add_row, multiply_add_rows
from lectcode.kernels.simd import BYTES, lanes, lanes_of, transpose_to
from lectcode.kernels.threads import share, useful

NEAR = 250_000  # bytes of copies that a task works on: they should stay in the second-level cache
MANY = 64  # products per tap, at most, of a group
TASKS = 4  # of the gradient of the filters, at least, if there are pixels enough to divide
MOVED = 5  # to turn a number into a lane, or back, takes at least as long as so many multiply-adds


class Sizes(NamedTuple):
    """What the compiled loops must know; every pair is (height, width), distances are counted in elements.

    The loops are given it as a plain tuple, as in `lectcode.kernels.correlation`.
    """

    N: int
    groups: int
    rows: int  # results per group
    channels: int  # of the source, per group
    bands: int  # per image
    band: int  # steps per band
    steps: int  # of all bands
    columns: int  # steps per row
    size: tuple  # of the source
    result: tuple  # size
    corner: int  # the source's row that step 0 meets first
    stride: int  # rows from one step to the next in the source
    scale: int  # and in the result
    start: int  # the result's row that step 0 computes first, at most 0
    height: int  # of the copy of a band
    plane: int  # of the copy, from one channel to the next
    pitch: int  # from one row to the next
    results: int  # from one plane of results to the next
    results_pitch: int
    shares: int  # parts of the images and bands whose sums are added last, in the gradient of the filters
    workspace: tuple  # sizes of a thread's copy of the source, results, filters and bias


class Plan(NamedTuple):
    """A product, ready to run."""

    sizes: Sizes
    # What the loops are told: the sizes as a plain tuple, and tables, in this order those that they need of
    #   parts: rows of (offset in the results, products before, products)
    #   pixels: for each step, where its first pixel stands in the copy
    #   places: and where its result
    #   taps: for each part, channel and tap, how far from a step's first pixel
    #   filters: for each number of a group's filters, its place in the order of parts, channels and taps
    #   inward: for each pixel of the source, its place in the copy
    #   outward: for each pixel of the result, its place among the results
    told: tuple
    room: int  # numbers in the workspace of a thread
    tasks: int
    work: int


def chooses(geometry, rows, channels, dtype):
    """Tell whether a product of so many rows and channels per group is faster here than as a matrix product.

    It is if most lanes have a group, or half of them where the product would have too few rows to fill a block. And the
    copies, of as many planes as there are rows and channels, must not be too many for the nearest caches: they pay
    through the taps, which all read the same copy.
    """
    if geometry.groups == 1:
        return False
    idle, taps = -geometry.groups % lanes(dtype), geometry.kernel_size[0] * geometry.kernel_size[1]
    useful = idle < geometry.groups or (idle == geometry.groups and rows < block.ROWS)
    return useful and rows * channels <= MANY * min(taps, SUMS)


def forward(I, F, B, geometry, O):
    """Write the convolution of I with F, plus B, into O."""
    rows, channels = F.shape[0] // geometry.groups, F.shape[1]
    _run(I, F, B, plan_forward(len(I), rows, channels, geometry, I.itemsize, _threads(I, F, O)), O)


def grad_input(G, F, geometry, dI):
    """Write the gradient of the input into dI; `gemm` takes care of an F that is not finite."""
    rows, channels = F.shape[1], F.shape[0] // geometry.groups
    plan = plan_grad_input(len(G), rows, channels, geometry, G.itemsize, _threads(G, F, dI))
    _run(G, F, no_bias(dI.shape[1], G.dtype), plan, dI)


def _threads(X, F, O):
    """Return how many threads may be worth their while; half of the lanes may be idle."""
    return useful(2 * (O.size * (F.size // O.shape[1]) + MOVED * (X.size + O.size)))


def _run(X, F, D, plan, O):
    arguments = X.ravel(), F.ravel(), D, *plan.told, O.ravel()
    share(_correlate, plan.tasks, plan.work, *arguments, workspace=(plan.room, X.dtype))


@inner
def _to_vectors(X, start, planes, begin, pixels, places, copy, position):
    """Make lanes of planes: copy[position + places[p] + l] = X[start + planes[l] + begin + p] for p < pixels."""
    L = planes.size
    start += begin
    if pixels >= L:
        for p in range(0, pixels, L):
            q = min(p, pixels - L)  # the last pixels may be copied twice
            transpose_to(X, start + q, planes, 0, copy, position, places, q)
    else:
        for p in range(pixels):
            for lane in range(L):
                copy[position + places[p] + lane] = X[start + planes[lane] + p]


@inner
def to_planes(results, position, places, O, start, planes, begin, pixels):
    """Make planes of lanes: O[start + planes[l] + begin + p] = results[position + places[p] + l] for p < pixels."""
    L = planes.size
    start += begin
    if pixels >= L:
        for p in range(0, pixels, L):
            q = min(p, pixels - L)
            transpose_to(results, position, places, q, O, start + q, planes, 0)
    else:
        for p in range(pixels):
            for lane in range(L):
                O[start + planes[lane] + p] = results[position + places[p] + lane]


@inner
def _distances(block, groups, plane, planes):
    """Tell how far from the first plane that of each lane is; lanes without a group repeat the last one."""
    for lane in range(planes.size):
        planes[lane] = min(lane, groups - 1 - block * planes.size) * plane


@inner
def _copy_band(X, plane, planes, i, sizes, inward, copy, at):
    """Copy the rows that the steps from i on meet; around them the copy is zero."""
    (H, W), first, line = sizes.size, i * sizes.stride + sizes.corner, sizes.pitch * planes.size
    top = min(max(-first, 0), sizes.height)  # the rows of the copy that exist in X
    bottom = max(min(H - first, sizes.height), top)
    if sizes.bands > 1:  # else the border stays as it is from image to image
        copy[at : at + top * line] = 0
        copy[at + bottom * line : at + sizes.height * line] = 0
    _to_vectors(X, plane * H * W, planes, (first + top) * W, (bottom - top) * W, inward, copy, at + top * line)


@entry
def _correlate(X, F, D, numbers, parts, pixels, places, taps, filters, inward, outward, O, workspace, first, last):
    """Run the tasks first, ..., last - 1: each computes some rows of all results of a block of groups."""
    L, sizes = lanes_of(X), Sizes(*numbers)
    rows, channels = sizes.rows, sizes.channels
    copied, computed, used, _ = sizes.workspace
    copy, results = workspace[:copied], workspace[copied : copied + computed]
    A, bias = workspace[copied + computed :][:used], workspace[copied + computed + used :]
    planes_of_X, planes_of_O, distances = np.empty(L, np.int64), np.empty(L, np.int64), np.empty(L, np.int64)
    K = filters.size // rows
    H, W = sizes.result
    copy[:] = 0
    ready = -1
    for task in range(first, last):
        rest, band = divmod(task, sizes.bands)
        block, n = divmod(rest, sizes.N)
        group = block * L
        if block != ready:
            _distances(block, sizes.groups, channels * sizes.size[0] * sizes.size[1], planes_of_X)
            _distances(block, sizes.groups, rows * H * W, planes_of_O)
            _distances(block, sizes.groups, filters.size, distances)
            _to_vectors(F, group * filters.size, distances, 0, filters.size, filters, A, 0)
            for r in range(rows):
                for lane in range(L):
                    bias[r * L + lane] = D[min(group + lane, sizes.groups - 1) * rows + r]
            ready = block
        i = band * sizes.band
        end = min(i + sizes.band, sizes.steps)
        for c in range(channels):
            plane = (n * sizes.groups + group) * channels + c
            _copy_band(X, plane, planes_of_X, i, sizes, inward, copy, c * sizes.plane)
        for step in range(0, (end - i) * sizes.columns, SUMS):  # the last steps may be none, computed in vain
            r = 0
            while r < rows:
                at_once = ROWS if r + ROWS <= rows else 1
                for p in range(parts.shape[0]):
                    offset, before, count = parts[p]
                    a, c = (r * K + before) * L, r * sizes.results + offset
                    if count == 0:
                        for q in range(step, step + SUMS):
                            for row in range(at_once):
                                for lane in range(L):
                                    to = c + row * sizes.results + places[q] + lane
                                    results[to] = bias[(r + row) * L + lane]
                    elif at_once > 1:
                        multiply_add_rows(
                            *(count, A, a, K * L, copy, 0, taps, before, pixels, step),
                            *(results, c, sizes.results, places, step, bias, r * L, L, False),
                        )
                    else:
                        multiply_add_row(
                            *(count, A, a, 0, copy, 0, taps, before, pixels, step),
                            *(results, c, 0, places, step, bias, r * L, 0, False),
                        )
                r += at_once
        begin = sizes.start + i * sizes.scale
        top, bottom = max(begin, 0), min(begin + (end - i) * sizes.scale, H)
        for r in range(rows):
            plane = (n * sizes.groups + group) * rows + r
            position = r * sizes.results + (top - begin) * sizes.results_pitch * L
            to_planes(results, position, outward, O, plane * H * W, planes_of_O, top * W, (bottom - top) * W)


@lru_cache(128)  # tables are as long as a band has pixels
def plan_forward(N, rows, channels, geometry, itemsize, threads):
    """Return the plan of a convolution."""
    taps = prod(geometry.kernel_size)
    return _plan(N, rows, channels, *forward_axes(geometry), geometry, (channels * taps, taps), itemsize, threads)


@lru_cache(128)
def plan_grad_input(N, rows, channels, geometry, itemsize, threads):
    """Return the plan of the gradient of the input."""
    taps = prod(geometry.kernel_size)
    return _plan(N, rows, channels, *grad_input_axes(geometry), geometry, (taps, rows * taps), itemsize, threads)


def _plan(N, rows, channels, y: Axis, x: Axis, geometry, filters, itemsize, threads):
    """Choose bands and make the tables; `filters` are the distances in F of two rows and two channels."""
    L = BYTES // itemsize
    groups, K_w = geometry.groups, geometry.kernel_size[1]
    blocks = -(-groups // L)
    left = max(-x.corner, 0)
    pitch = max(left + x.size, left + x.corner + x.last + 1)
    results_pitch = x.steps * x.scale
    ahead = y.last - (y.steps - 1) * y.stride + 1  # rows that one step meets, those between its taps among them
    step_bytes = (channels * y.stride * pitch + rows * y.scale * results_pitch) * BYTES
    band = max((NEAR - channels * (ahead - y.stride) * pitch * BYTES) // step_bytes, 1)
    bands = min(max(-(-y.steps // band), -(-threads // (N * blocks))), y.steps)
    band = -(-y.steps // bands)
    bands = -(-y.steps // band)
    height = (band - 1) * y.stride + ahead
    plane = height * pitch

    row, column = np.divmod(np.arange(block.round_up(band * x.steps, SUMS)).clip(max=band * x.steps - 1), x.steps)
    pixels = row * y.stride * pitch + column * x.stride + left + x.corner
    places = row * y.scale * results_pitch + column * x.scale
    row, column = np.divmod(np.arange(height * x.size), x.size)
    inward = row * pitch + column + left
    start_x = min(start for _, _, start, _ in x.parts)
    start_y = min(start for _, _, start, _ in y.parts)
    row, column = np.divmod(np.arange(band * y.scale * x.result), x.result)
    outward = row * results_pitch + column - start_x

    parts, taps, numbers = [], [], []
    channel = np.arange(channels)[:, None]
    for *_, y_start, y_taps in y.parts:
        for *_, x_start, x_taps in x.parts:
            shifts = [
                (y_shift * y.stride + f) * pitch + x_shift * x.stride + g
                for _, y_shift, f in y_taps
                for _, x_shift, g in x_taps
            ]
            chosen = [k_h * K_w + k_w for k_h, *_ in y_taps for k_w, *_ in x_taps]
            offset = (y_start - start_y) * results_pitch + x_start - start_x
            parts.append((offset * L, sum(map(len, taps)), channels * len(shifts)))
            taps.append((channel * plane + np.array(shifts, np.int64)).reshape(-1))
            numbers.append((channel * filters[1] + np.array(chosen, np.int64)).reshape(-1))
    taps, numbers = np.concatenate(taps), np.concatenate(numbers)
    order = np.empty(rows * taps.size, np.int64)
    order[np.arange(rows)[:, None] * filters[0] + numbers] = np.arange(order.size).reshape(rows, -1)
    results = band * y.scale * results_pitch * L
    workspace = channels * plane * L, rows * results, order.size * L, rows * L
    sizes = Sizes(
        *(N, groups, rows, channels, bands, band, y.steps, x.steps, (y.size, x.size), (y.result, x.result)),
        *(y.corner, y.stride, y.scale, start_y, height, plane * L, pitch, results, results_pitch),
        *(1, workspace),
    )
    moved = N * blocks * L * (channels * y.size * x.size + rows * y.result * x.result)
    multiplied = N * blocks * L * rows * y.steps * x.steps * taps.size
    tables = np.array(parts), pixels * L, places * L, taps * L, order * L, inward * L, outward * L
    tasks, work = N * blocks * bands, multiplied + MOVED * moved
    return Plan(sizes, (tuple(sizes), *tables), sum(workspace), tasks, work)


def grad_filters(G, I, geometry, dF):
    """Write the gradient of the filters into dF."""
    plan = plan_grad_filters(G.shape[0], dF.shape[0] // geometry.groups, dF.shape[1], geometry, G.itemsize)
    shares = plan.sizes.shares
    partial = dF if shares == 1 else np.empty((shares, *dF.shape), dF.dtype)
    arguments = G.ravel(), I.ravel(), *plan.told, partial.ravel()
    share(_grad_filters, plan.tasks, plan.work, *arguments, workspace=(plan.room, G.dtype))
    if shares > 1:
        with np.errstate(all="ignore"):
            np.sum(partial, axis=0, out=dF)


@lru_cache(128)
def plan_grad_filters(N, rows, channels, geometry, itemsize):
    """Return the plan of the gradient of the filters, whatever the number of threads: it says what is added first."""
    plan = plan_forward(N, rows, channels, geometry, itemsize, TASKS)
    sizes, L = plan.sizes, BYTES // itemsize
    _, _, pixels, _, taps, _, inward, _ = plan.told
    blocks = -(-geometry.groups // L)
    shares = min(N * sizes.bands, -(-TASKS // blocks))
    K = taps.size
    taps = taps[np.arange(block.round_up(K, SUMS)).clip(max=K - 1)]  # the last sums may be of one tap, and not be used
    filters = (np.arange(rows)[:, None] * taps.size + np.arange(K)).reshape(-1) * L
    steps = sizes.band * sizes.columns
    workspace = sizes.workspace[0], rows * steps * L, rows * taps.size * L, L
    dense = np.arange(max(steps, taps.size)) * L
    sizes = sizes._replace(shares=shares, results=steps * L, workspace=workspace)
    told = tuple(sizes), pixels, taps, filters, inward, dense
    return Plan(sizes, told, sum(workspace), blocks * shares, plan.work)


@entry
def _grad_filters(G, X, numbers, pixels, taps, filters, inward, dense, dF, workspace, first, last):
    """Run the tasks first, ..., last - 1: each adds some bands of some images for a block of groups."""
    L, sizes = lanes_of(X), Sizes(*numbers)
    rows, channels = sizes.rows, sizes.channels
    H, W = sizes.result
    copied, copied_of_G, used, _ = sizes.workspace
    copy, copy_of_G = workspace[:copied], workspace[copied : copied + copied_of_G]
    sums, zero = workspace[copied + copied_of_G :][:used], workspace[copied + copied_of_G + used :]
    G_plane = sizes.results
    planes_of_X, planes_of_G, distances = np.empty(L, np.int64), np.empty(L, np.int64), np.empty(L, np.int64)
    copy[:] = 0
    zero[:] = 0
    units = sizes.N * sizes.bands
    for task in range(first, last):
        block, part = divmod(task, sizes.shares)
        group = block * L
        _distances(block, sizes.groups, channels * sizes.size[0] * sizes.size[1], planes_of_X)
        _distances(block, sizes.groups, rows * H * W, planes_of_G)
        _distances(block, sizes.groups, filters.size, distances)
        sums[:] = 0
        for unit in range(units * part // sizes.shares, units * (part + 1) // sizes.shares):
            n, band = divmod(unit, sizes.bands)
            i = band * sizes.band
            steps = (min(i + sizes.band, H) - i) * W
            for c in range(channels):
                plane = (n * sizes.groups + group) * channels + c
                _copy_band(X, plane, planes_of_X, i, sizes, inward, copy, c * sizes.plane)
            for r in range(rows):
                plane = (n * sizes.groups + group) * rows + r
                _to_vectors(G, plane * H * W, planes_of_G, i * W, steps, dense, copy_of_G, r * G_plane)
            r = 0
            while r < rows:
                at_once = ROWS if r + ROWS <= rows else 1
                for t in range(0, taps.size, SUMS):
                    if at_once > 1:
                        multiply_add_rows(
                            *(steps, copy_of_G, r * G_plane, G_plane, copy, 0, pixels, 0, taps, t),
                            *(sums, r * taps.size * L, taps.size * L, dense, t, zero, 0, 0, True),
                        )
                    else:
                        multiply_add_row(
                            *(steps, copy_of_G, r * G_plane, 0, copy, 0, pixels, 0, taps, t),
                            *(sums, r * taps.size * L, 0, dense, t, zero, 0, 0, True),
                        )
                r += at_once
        to_planes(sums, 0, filters, dF, (part * sizes.groups + group) * filters.size, distances, 0, filters.size)
