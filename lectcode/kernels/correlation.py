"""The convolution and the gradient of its input as one product: which pixels meet which filter elements, and where.

Along one axis, step m of the product meets the source at the padded rows m S + shift, one for each tap k. For the
convolution the steps are the output rows h, and the shift of tap k is k D.

For the gradient of the input, row u = x + P of dI_pad has the terms with u = h S + k D. Let u = m S + a with 0 <= a <
S: only taps with k D = a + j S contribute, and h = m - j. So for each remainder a the rows x = m S + a - P of dI are a
correlation of stride 1 of G, with every S-th tap of the turned filters: one "part" of the product for each a.
"""

from dataclasses import replace
from functools import lru_cache
from itertools import pairwise, product
from math import prod
from typing import NamedTuple

import numpy as np

from lectcode.kernels.block import ROWS, VECTORS
from lectcode.kernels.simd import BYTES
from lectcode.kernels.threads import worth

DEPTH = 192  # rows of a panel
FEW = ROWS // 2  # rows of the product that are worth a block of the micro-kernel, half of it idle
TILES = 3  # tiles of pixels that use a block of filters before the next block is fetched
# On large planes it is more: a stripe is written to each of them, and memory takes long pieces faster. But the panel,
# of all rows then, must leave room in the second-level cache.
LONG, LARGE = 12, 2**13  # tiles; pixels of a plane
READ = 0.6  # cycles to read an element of a filter if they do not fit into the second-level cache
COPY_ROW, COPY, MOVE = 30, 3, 8  # cycles for a row of a padded copy, for a vector of it, for a vector of a tile
PACK_ROW, PACK, FIND = 10, (4, 5, 10, 10, 40), 8  # for a row of a panel, a vector of it by stride, to find padding
WORTH_PACKING, SMALL = 10_000, 2**21  # pixels that use packed filters, and bytes of these: each thread packs its own
FEWEST = 8  # steps of a band, unless all: `lectcode.kernels.narrow` computes several at once
SECOND_LEVEL = 400_000  # bytes of filters, or of padded input that a task copies, that stay in the second-level cache


class Axis(NamedTuple):
    """One axis of a product. A part is (first step, end, result's row of step 0, [(tap, shift, phase), ...])."""

    size: int  # of the source
    corner: int  # the source's row that step 0 meets with shift 0 and phase 0; negative in the padding
    stride: int  # from one step to the next in the source
    phases: int  # rows of the source between two steps that are ever met
    steps: int
    reach: int  # steps that a window looks ahead
    scale: int  # rows of the result from one step to the next
    result: int  # its size
    parts: list

    @property
    def last(self):
        """The last padded row that any step meets, counted from the corner."""
        ahead = max((shift * self.stride + phase for *_, taps in self.parts for _, shift, phase in taps), default=0)
        return (self.steps - 1) * self.stride + ahead


def forward_axis(size, K, S, D, before, outputs):
    """Return the axis of a convolution."""
    taps = [(k, k * D // S, k * D % S) for k in range(K)]
    span = (K - 1) * D
    return Axis(size, -before, S, min(S, span + 1), outputs, span // S, 1, outputs, [(0, outputs, 0, taps)])


def grad_input_axis(size, K, S, D, before, outputs):
    """Return the axis of the gradient of the input."""
    reach = (K - 1) * D // S
    first = -(-(before - S + 1) // S)  # the smallest m of any part
    parts = []
    for a in range(S):
        begin, end = -((a - before) // S), -((a - before - size) // S)
        taps = [(k, reach - (k * D - a) // S, 0) for k in range(K) if k * D % S == a]
        parts.append((begin - first, end - first, first * S + a - before, taps))
    steps = max(end for _, end, _, _ in parts)
    return Axis(outputs, first - reach, 1, 1, steps, reach, S, size, parts)


class Sizes(NamedTuple):
    """What the compiled loops must know; every pair is (height, width), distances are counted in elements.

    They are given it as a plain tuple and name the numbers themselves: to take over a tuple that has names costs Numba
    2 us, a tenth of a small layer.
    """

    N: int
    groups: int
    rows: int  # of the product, per group: filters, or channels of dI
    channels: int  # of the source, per group
    block: int  # rows of the micro-kernel
    splits: int  # tasks that share the rows of a group among them
    images: int  # images per task
    bands: int  # tasks per image
    band: int  # steps per band
    steps: int  # of all bands, the last of which may be shorter
    padded: bool  # the source is copied; else it is packed
    size: tuple  # of the source
    corner: tuple
    stride: tuple
    phases: tuple
    extent: tuple  # of a padded phase
    plane: int  # from one channel to the next
    line: int  # from one step to the next
    stripe: int  # pixels whose panel is multiplied by all filters
    O_plane: int
    O_row: int  # from one step to the next
    O_column: int
    filters: tuple  # distances in F of two rows of the product, two channels, two groups
    A_packed: bool  # each thread packs the filters of its tasks: what another writes takes long to read
    A_row: int  # from one row of the product to the next in what the micro-kernel reads
    workspace: tuple  # sizes of a thread's padded source or panel, of its block of results, of the filters it packs


@lru_cache(512)
def one_window(geometry):
    """Return the geometry of 1 x 1 filters over single pixels if the only window is the whole image, else None.

    Then all numbers of an image can be read as channels of one pixel, those of a filter likewise: a plain matrix
    product. Seen as a convolution, its gradient would multiply each number of F with K_h K_w - 1 zeros.
    """
    whole = geometry.kernel_size == geometry.input_size and geometry.output_size == (1, 1)
    if not whole or any(geometry.before + geometry.after):
        return None
    return replace(geometry, input_size=(1, 1), kernel_size=(1, 1), stride=(1, 1), dilation=(1, 1))


def pixels_as_channels(array):
    """View images or filters as channels of one pixel."""
    return array.reshape(array.shape[0], -1, 1, 1)


@lru_cache(512)
def no_bias(rows, dtype):
    """Return a bias of zeros, read-only as every bias is: one compiled version serves both."""
    D = np.zeros(rows, dtype)
    D.flags.writeable = False
    return D


class Plan(NamedTuple):
    """A product, ready to run."""

    sizes: Sizes
    parts: np.ndarray  # rows of (first step, end, first column, end, start in O, taps before, taps)
    # What the loops are told: the sizes as a plain tuple, the parts; for each part, channel and tap where the source's
    # line begins, and where the filters' column; for each part and tap the first row and the end, the first column and
    # the end, that exist; all filter elements, part after part.
    told: tuple
    room: int  # numbers in the workspace of a thread
    tasks: int
    work: int  # multiply-adds of float32, of which one of float64 takes as long as two
    gaps: bool  # some pixels of the result meet no tap


@lru_cache(512)
def plan_forward(N, rows, channels, geometry, itemsize, threads):
    """Return the plan of a convolution."""
    axes = [forward_axis(*axis) for axis in _axes(geometry)]
    taps = geometry.kernel_size[0] * geometry.kernel_size[1]
    filters = channels * taps, taps, rows * channels * taps
    return _plan(N, rows, channels, axes, geometry, filters, itemsize, threads, False)


@lru_cache(512)
def plan_grad_input(N, rows, channels, geometry, itemsize, threads):
    """Return the plan of the gradient of the input."""
    axes = [grad_input_axis(*axis) for axis in _axes(geometry)]
    taps = geometry.kernel_size[0] * geometry.kernel_size[1]
    filters = taps, rows * taps, rows * channels * taps
    return _plan(N, rows, channels, axes, geometry, filters, itemsize, threads, True)


def _axes(geometry):
    return zip(
        geometry.input_size,
        geometry.kernel_size,
        geometry.stride,
        geometry.dilation,
        geometry.before,
        geometry.output_size,
        strict=True,
    )


def _multiple(tasks, threads):
    """Round up, so that every thread gets as many tasks."""
    return -(-tasks // threads) * threads


def _inside(axis, shift, phase):
    """Return the first step and the end of those that meet the source and not its padding."""
    first = axis.corner + shift * axis.stride + phase  # what step 0 meets
    return max(-(first // axis.stride), 0), -((first - axis.size) // axis.stride)


def _without_padding(axis):
    """Return the axis with its parts cut where a tap begins or ceases to meet the padding, and there left out.

    A part whose taps all meet padding keeps one, which writes the zeros.
    """
    parts = []
    for begin, end, start, taps in axis.parts:
        inside = [_inside(axis, shift, phase) for _, shift, phase in taps]
        cuts = {min(max(edge, begin), end) for edge in (begin, end, *sum(inside, ()))}
        for first, stop in pairwise(sorted(cuts)):
            met = [tap for tap, (top, bottom) in zip(taps, inside, strict=True) if top <= first and stop <= bottom]
            parts.append((first, stop, start, met or taps[:1]))
    return axis._replace(parts=parts)


def _cycles(y, x, padded, N, rows, channels, lanes):
    """Estimate what a product costs, in cycles for each channel of the source: as a padded copy, or packed."""
    blocks = -(-rows // ROWS)
    taps = prod(len({tap for part in axis.parts for tap, *_ in part[-1]}) for axis in (y, x))
    far = ROWS * blocks * channels * taps * BYTES // lanes > SECOND_LEVEL
    width, total = x.steps + x.reach, 0
    if padded:
        copied = COPY_ROW + COPY * x.stride * -(-width // lanes)
        total += N * y.phases * x.phases * (y.steps + y.reach) * copied
    for (top, bottom, _, down), (left, right, _, across) in product(y.parts, x.parts):
        height, columns = bottom - top, right - left
        pieces = N * height * -(-columns // lanes)  # vectors that are packed, or moved
        # of a copy whole rows are multiplied, and what is between two of them
        images, positions = (N, (height - 1) * width + columns) if padded else (1, N * height * columns)
        vectors, stripes = (images * -(-positions // (lanes * n)) for n in (1, VECTORS * TILES))
        multiplied, moved = ROWS * blocks * vectors, padded or rows < ROWS or x.scale > 1 or columns < x.result
        if not padded:
            vector = PACK[min(x.stride, len(PACK)) - 1] + FIND / channels
            multiplied += PACK_ROW * stripes + vector * pieces
        total += len(down) * len(across) * multiplied
        total += ROWS * blocks * (READ * far * taps * stripes + MOVE * moved * pieces / channels)
    return total


def _ways(y, x, gradient):
    """Yield the ways to compute a product: its axes, and whether it reads a padded copy.

    A gradient need not multiply with padding: with dilation 4 on 28 x 28 pixels, that is 18 % less. But more vectors
    are not full, and each part reads the filters for itself, all elements, for those that it needs stand between the
    others. Of a copy whole rows are multiplied, so there parts are rows.
    """
    without = (_without_padding(y), _without_padding(x)) if gradient else (y, x)
    for padded in (True, False):
        for rows in (y, without[0]):
            for columns in (x,) if padded else (x, without[1]):
                yield rows, columns, padded


def _plan(N, rows, channels, axes, geometry, filters, itemsize, threads, gradient):
    """Choose tasks and tables for a product along two axes.

    In a `gradient` there are no products with padding. In a convolution there are, and inf in a filter makes NaN there;
    the filters of a gradient stand farther apart in memory.
    """
    y, x = axes
    lanes = BYTES // itemsize
    tile = VECTORS * lanes
    groups, K_w = geometry.groups, geometry.kernel_size[1]
    met = [sum((end - begin) * len(taps) for begin, end, _, taps in axis.parts) for axis in axes]
    work = N * groups * rows * channels * met[0] * met[1] * itemsize // 4
    threads = max(min(threads, worth(work)), 1)  # to divide what one thread computes costs it time
    block = ROWS if rows >= FEW else 1
    blocks = -(-rows // block)
    steps, columns = y.steps, x.steps
    width = columns + x.reach
    # each step down is one along a single row of the source, without gaps and padding
    plain = x.stride == 1 and x.corner == 0 and x.size == columns and x.reach == 0 and y.corner == 0 and y.last < y.size
    line = y.stride * x.size
    size, O_row, O_column = (y.size, x.size), y.scale * x.result, x.scale
    if block > 1 and plain and y.stride == 1 and y.reach == 0 and y.scale == x.scale == 1 and columns == x.result:
        # one long row per plane: bands may begin anywhere
        steps, columns, width = steps * columns, 1, 1
        (tap_y,), (tap_x,) = y.parts[0][3], x.parts[0][3]
        y = y._replace(size=steps, parts=[(0, steps, 0, [tap_y])])
        x = x._replace(size=1, parts=[(0, 1, 0, [tap_x])])
        O_row = line = 1
    padded = block == 1
    if block > 1 and not plain:
        y, x, padded = min(_ways(y, x, gradient), key=lambda way: _cycles(*way, N, rows, channels, lanes))
    # tasks
    pixels = steps * columns
    images, bands, splits = 1, 1, 1
    if N * groups < 2 * threads:
        if pixels < 4 * tile * threads:
            splits = min(threads, blocks)
            images = N if not padded else 1
        else:
            bands = threads
    elif not padded:
        images = max(1, min(N, N * groups // threads))
    if padded:
        step_bytes = channels * y.phases * x.phases * width * itemsize
        least = -(-2 * tile // columns) if block > 1 else FEWEST
        fit = max(SECOND_LEVEL // step_bytes - y.reach, least, 1)
        images = max(1, min(images, SECOND_LEVEL // (step_bytes * (steps + y.reach))))
        bands = max(bands, -(-steps // fit))
    # three tasks would keep one of two threads waiting for half of the time
    if images > 1 and splits == 1:
        images = -(-N // _multiple(-(-N // images), threads))
    if bands > 1 and N * groups < 2 * threads:
        bands = _multiple(bands, threads)
    band = -(-steps // bands)
    if columns == 1 and bands > 1:
        band = -(-band // tile) * tile
    bands = -(-steps // band)
    extent = (band + y.reach, width)
    plane = y.phases * x.phases * extent[0] * extent[1] if padded else size[0] * size[1]
    if padded:
        line = width
    parts, lines, inside, numbers, before = [], [], [], [], 0
    channel = np.arange(channels)[:, None] * plane
    for y_begin, y_end, y_start, y_taps in y.parts:
        for x_begin, x_end, x_start, x_taps in x.parts:
            shifts = []
            for k_h, y_shift, f in y_taps:
                for k_w, x_shift, g in x_taps:
                    if padded:
                        shifts.append(((f * x.phases + g) * extent[0] + y_shift) * width + x_shift)
                    else:
                        shifts.append((y_shift * y.stride + f) * x.size + x_shift * x.stride + g)
                    inside.append((*_inside(y, y_shift, f), *_inside(x, x_shift, g)))
                    numbers.append(k_h * K_w + k_w)
            parts.append((y_begin, y_end, x_begin, x_end, y_start * x.result + x_start, before, len(shifts)))
            lines.append((channel + np.array(shifts, np.int64)).reshape(-1))
            before += len(shifts)
    order = list(dict.fromkeys(numbers))  # of packed filters
    K = channels * len(order)
    # filters whose columns are far apart in memory are packed if that pays, and those that do not fill a block
    many = N * pixels * y.scale * x.scale >= WORTH_PACKING
    packed = -(-blocks // splits) * block * K
    pack = block > 1 and (rows < block or (gradient and many and packed * itemsize <= SMALL))
    column, places = filters[1], np.array(numbers, np.int64)
    if pack:
        column, places = len(order) * block, np.array([order.index(number) * block for number in numbers], np.int64)
    columns_of = [
        (np.arange(channels)[:, None] * column + places[first : first + count]).reshape(-1)
        for *_, first, count in parts
    ]
    long = not padded and K <= DEPTH and steps * columns >= LARGE
    stripe = (LONG if long else TILES) * tile
    workspace = (
        -(-(images * channels * plane + 2 * tile) // tile) * tile if padded else (min(DEPTH, K) + 1) * stripe,
        -(-(-(-blocks // splits) * block * stripe + lanes) // tile) * tile,
        packed if pack else 0,
    )
    sizes = Sizes(
        N,
        groups,
        rows,
        channels,
        block,
        splits,
        images,
        bands,
        band,
        steps,
        padded,
        size,
        (y.corner, x.corner),
        (y.stride, x.stride),
        (y.phases, x.phases),
        extent,
        plane,
        line,
        stripe,
        y.result * x.result,
        O_row,
        O_column,
        filters,
        pack,
        1 if pack else filters[0],
        workspace,
    )
    tasks = -(-N // images) * bands * groups * splits
    told = (
        tuple(sizes),
        np.array(parts),
        np.concatenate(lines),
        np.concatenate(columns_of),
        np.array(inside, np.int64).reshape(-1, 4),
        np.array(order, np.int64),
    )
    return Plan(
        sizes,
        told[1],
        told,
        sum(workspace),
        tasks,
        work,
        any(part[-1] == 0 for part in parts),
    )
