"""The gradient of the filters, planned: which way to multiply, what a task has, and where its numbers are.

The ways are told in `lectcode.kernels.gemm_filters`. Each has a price, in multiply-adds; the cheapest is taken.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from lectcode.kernels.axes import Axis, forward_axes
from lectcode.kernels.block import ROWS, VECTORS, round_up
from lectcode.kernels.correlation import SECOND_LEVEL
from lectcode.kernels.simd import BYTES

ACCUMULATORS = 400_000  # bytes of sums that a task adds to
DEPTH = 256  # pixels of a panel, at most
TASKS = 4  # at least, if there are lines, rows or pixels enough to divide
PIXELS = 2048  # at least, in a part
ENOUGH = 16  # tasks
WORTH_DIVIDING = 2**20  # multiply-adds
TABLE = 2**15  # pixels that are listed for all filter elements together, at most
LISTED = 4096  # pixels of a unit whose places are listed once
# Prices for one number, in multiply-adds of one lane:
TURN = 5  # to transpose it
FETCH = 8  # to read it from memory once more
COPY = 240  # to copy a row of pixels of the input, whatever its length
ADD = 20  # to write it to a part of the result and add this to the others
DOT = 4  # to multiply and add it in "dots", which fetches both factors
APART = 50  # to begin with another image in "dots", for each filter and channel
NARROW = 20, 3  # what `narrow` does for each pixel, filter and channel: before, and for each tap


class Sizes(NamedTuple):
    """What the compiled loops must know; every pair is (height, width), distances are counted in elements.

    The loops are given it as a plain tuple, as in `lectcode.kernels.correlation`.
    """

    N: int
    groups: int
    filters: int  # per group
    channels: int  # of the input, per group
    turned: bool
    inner: bool
    direct: bool  # the sums are written to dF at once
    quantum: int  # lines that are not divided
    across: int  # tasks that divide the lines
    down: int  # tasks that divide the rows
    parts: int  # tasks that divide the pixels
    images: int  # per unit
    bands: int  # units per image
    band: int  # steps of a band
    steps: int  # of an image
    columns: int  # pixels of a step
    padded: bool  # the input is copied
    size: tuple  # of the input
    corner: tuple
    advance: int  # rows of the input from one step to the next
    stride: tuple  # of the copy, as `pad_plane` knows it
    phases: tuple
    extent: tuple
    plane: int  # from one channel to the next
    used: int  # channels that are copied of each image
    layout: tuple  # of the pixels in memory, as `cut` knows it
    workspace: tuple  # sizes of a thread's padded input, panels and sums


class Tables(NamedTuple):
    """Where the pixels are."""

    taps: np.ndarray  # for each filter element, where it meets the first pixel; 0 if `places` tells
    places: np.ndarray  # for each pixel, or for each panel, element and pixel: where a row has it
    spots: np.ndarray  # and where the panel
    bounds: np.ndarray  # where the pixels of each panel and element begin


class Plan(NamedTuple):
    """A product, ready to run; "narrow" has its own."""

    way: str
    sizes: Sizes | tuple | None = None
    told: tuple | None = None  # what the loops are told: sizes and tables, as plain tuples
    room: int = 0  # numbers in the workspace of a thread
    tasks: int = 0
    work: int = 0  # multiply-adds that take as long


class Problem(NamedTuple):
    """What a plan is made for."""

    N: int
    groups: int
    filters: int  # per group
    channels: int  # of the input, per group
    y: Axis
    x: Axis
    lanes: int

    @property
    def pixels(self):
        """Pixels of an image."""
        return self.y.steps * self.x.steps

    @property
    def taps(self):
        """For each filter element: shift and phase along y, shift and phase along x."""
        return [(*tap_y[1:], *tap_x[1:]) for tap_y in self.y.parts[0][3] for tap_x in self.x.parts[0][3]]

    @property
    def elements(self):
        """Filter elements of all channels."""
        return self.channels * len(self.taps)

    @property
    def inside(self):
        """No window meets the padding."""
        y, x = self.y, self.x
        return y.corner == x.corner == 0 and y.last < y.size and x.last < x.size

    @property
    def whole(self):
        """Rows of the input are as long as rows of pixels, so the pixels of an image are one piece of it."""
        y, x = self.y, self.x
        return self.inside and y.stride == x.stride == 1 and x.size == x.steps and self.pixels >= self.lanes

    def met(self):
        """Tell for each filter element and pixel whether they meet the input, not the padding."""
        meets = []
        for axis in (self.y, self.x):
            first = np.array([shift * axis.stride + phase for _, shift, phase in axis.parts[0][3]]) + axis.corner
            place = first[:, None] + np.arange(axis.steps) * axis.stride
            meets.append((place >= 0) & (place < axis.size))
        return (meets[0][:, None, :, None] & meets[1][None, :, None, :]).reshape(-1, self.pixels)


@lru_cache(512)
def plan_filters(N, filters, channels, geometry, itemsize, finite=True):
    """Choose the way, the tasks and the tables; without `finite`, not the way "inner"."""
    lanes = BYTES // itemsize
    problem = Problem(N, geometry.groups, filters, channels, *forward_axes(geometry), lanes)
    costs = _costs(problem, finite)
    way = min(costs, key=costs.get)
    work = geometry.groups * int(costs[way])
    if way == "narrow":
        return Plan(way)
    if way == "dots":
        sizes = N, geometry.groups, filters, channels, problem.pixels
        return Plan(way, sizes, (sizes,), 0, geometry.groups * -(-channels // 2), work)
    across, down, parts, quantum, most_lines, most_rows = _divide(problem, way, itemsize)
    turned, inner = way != "windows", way == "inner"
    y, x, pixels, taps = problem.y, problem.x, problem.pixels, problem.taps
    steps, columns, width = y.steps, x.steps, VECTORS * lanes
    padded = not problem.inside if way == "filters" else not inner and not problem.whole
    # what is copied
    if turned:
        advance, stride, phases = (y.stride, x.stride), (1, 1), (1, 1)
        reach = y.last - (steps - 1) * y.stride, x.last - (columns - 1) * x.stride
    else:
        advance, stride, phases = (1, 1), (y.stride, x.stride), (y.phases, x.phases)
        reach = y.reach, x.reach
    used = min(channels, ((most_rows if turned else most_lines) - 2) // len(taps) + 2)
    line = (columns - 1) * advance[1] + 1 + reach[1] if padded else x.size
    # units
    step_bytes = used * phases[0] * phases[1] * advance[0] * line * itemsize
    if not turned:
        step_bytes += filters * columns * itemsize
    fit = max(SECOND_LEVEL * 3 // 2 // step_bytes - reach[0], 1)
    images = max(1, min(N, DEPTH // pixels, N if inner else fit // steps))
    images = -(-N // -(-N // images))
    bands = 1
    if not inner and images == 1:
        band = max(min(fit, LISTED // columns), -(-DEPTH // columns))
        bands = min(steps, max(-(-steps // band), -(-parts // N)))
    band = -(-steps // bands)
    bands = -(-steps // band)
    units = -(-N // images) * bands
    parts = min(parts, units)
    direct = units == 1 and _is_direct(problem, way)
    # tables
    extent = (band - 1) * advance[0] + 1 + reach[0], line
    plane = phases[0] * phases[1] * extent[0] * extent[1] if padded else y.size * x.size
    X_image = used * plane if padded else geometry.groups * channels * plane
    G_image = geometry.groups * filters * pixels
    n, i, j = np.ogrid[:images, :band, :columns]
    in_G, in_X = n * G_image + i * columns + j, n * X_image + i * advance[0] * line + j * advance[1]
    places = in_X if turned else in_G
    layout = columns, columns, band, X_image, line
    if turned or problem.whole:
        layout = band * columns, band * columns, 1, G_image if turned else X_image, 0
    if padded and not turned:
        offsets = [((f * x.phases + g) * extent[0] + i) * line + j for i, f, j, g in taps]
    else:
        offsets = [(i * y.stride + f) * line + j * x.stride + g for i, f, j, g in taps]
    places, spots, bounds = places.reshape(-1), np.arange(DEPTH) * width, [0]
    if inner:
        offsets = np.array(offsets) + y.corner * x.size + x.corner
        places, spots, bounds = _lists(np.tile(problem.met(), images), places, offsets, width)
        offsets = np.zeros(len(taps))
    sizes = Sizes(
        N=N,
        groups=geometry.groups,
        filters=filters,
        channels=channels,
        turned=turned,
        inner=inner,
        direct=direct,
        quantum=quantum,
        across=across,
        down=down,
        parts=parts,
        images=images,
        bands=bands,
        band=band,
        steps=steps,
        columns=columns,
        padded=padded,
        size=(y.size, x.size),
        corner=(y.corner, x.corner),
        advance=y.stride,
        stride=stride,
        phases=phases,
        extent=extent,
        plane=plane,
        used=used,
        layout=layout,
        workspace=(
            round_up(images * used * plane + 2 * width, width) if padded else 0,
            width * (DEPTH + lanes),
            0 if direct else round_up(most_lines, width) * most_rows,
        ),
    )
    tables = tuple(np.ascontiguousarray(table, np.int64) for table in (offsets, places, spots, bounds))
    told, tasks = (tuple(sizes), tables), geometry.groups * across * down * parts
    return Plan(way, sizes, told, sum(sizes.workspace), tasks, work)


def _costs(problem, finite):
    """Weigh the ways by multiply-adds, those of idle rows and lanes among them, and by what moving numbers costs."""
    N, _, filters, channels, y, x, lanes = problem
    pixels, T, elements = N * problem.pixels, len(problem.taps), problem.elements
    packed = pixels * elements  # numbers of all windows; of short rows, vectors are copied that reach past the end
    if not problem.whole:
        packed *= round_up(x.steps, lanes) / x.steps
    copied = COPY * N * channels * y.size
    costs = {
        "narrow": pixels * filters * channels * (NARROW[0] + NARROW[1] * T),
        "windows": pixels * round_up(filters, ROWS) * round_up(elements, lanes)
        + TURN * packed
        + (0 if problem.whole else copied),
        "filters": pixels * round_up(elements, ROWS) * round_up(filters, lanes)
        + TURN * (pixels + elements) * filters
        + (0 if problem.inside else copied),
    }
    if problem.whole and T == 1:
        costs["dots"] = DOT * N * filters * channels * (problem.pixels + APART)
    if not problem.inside and finite and T * max(problem.pixels, DEPTH) <= TABLE:
        met = problem.met()
        if all(met[:, begin:end].any(1).all() for begin, end in _panels(problem.pixels)):
            costs["inner"] = (
                met.mean() * pixels * round_up(channels, ROWS) * T * round_up(filters, lanes)
                + TURN * (pixels + elements) * filters
            )
    return costs


def _is_direct(problem, way):
    """Tell if one panel has all pixels and the micro-kernel can write to dF itself."""
    one = way == "windows" and problem.N * problem.pixels <= DEPTH
    return one and problem.elements % problem.lanes == problem.filters % ROWS == 0


def _divide(problem, way, itemsize):
    """Return the tasks across lines, down rows and along pixels, and what a task has at most.

    Each further task across fetches the rows once more, each one down packs the lines once more, each part writes a
    result of its own. All that is weighed against threads that are idle when their number is not a good one.
    """
    N, groups, filters, channels, y, x, lanes = problem
    width, elements, pixels = VECTORS * lanes, problem.elements, N * problem.pixels
    if way == "windows":
        lines, rows, least = elements, filters, ROWS
        quantum = lanes if lines < 4 * TASKS * width else width
        fetch, pack = FETCH * pixels * filters, TURN * pixels * elements
    else:
        T = len(problem.taps)
        lines, quantum = filters, lanes
        rows, least = (round_up(channels, ROWS) * T, ROWS * T) if way == "inner" else (elements, ROWS)
        fetch, pack = FETCH * N * channels * y.size * x.size, TURN * pixels * filters
    work = groups * pixels * elements * filters
    quanta, blocks = -(-lines // quantum), -(-rows // least)
    best = None
    for across in range(1, min(quanta, ENOUGH) + 1):
        for down in range(1, blocks + 1):
            most = -(-quanta // across) * quantum, -(-blocks // down) * least
            too_large = round_up(most[0], width) * most[1] * itemsize > ACCUMULATORS and not _is_direct(problem, way)
            for parts in range(1, max(1, min(TASKS, pixels // PIXELS)) + 1):
                tasks = groups * across * down * parts
                idle = round_up(tasks, TASKS) / tasks - 1 if work >= WORTH_DIVIDING else 0
                added = ADD * parts * groups * elements * filters if parts > 1 else 0
                cost = work * idle / 2 + groups * (fetch * (across - 1) + pack * (down - 1)) + added
                if best is None or (too_large, cost) < best[0]:
                    best = (too_large, cost), (across, down, parts, quantum, *most)
            if not too_large and groups * across * down >= ENOUGH:
                break
    return best[1]


def _panels(pixels):
    """Return the first pixel and the end of each panel, as `_add_products` has them."""
    number = -(-pixels // DEPTH)
    return [(pixels * p // number, pixels * (p + 1) // number) for p in range(number)]


def _lists(met, places, offsets, width):
    """List, for each panel and each filter element, the pixels at which it meets the input."""
    lists = [
        (places[begin:end][there] + offset, np.flatnonzero(there) * width)
        for begin, end in _panels(places.size)
        for there, offset in zip(met[:, begin:end], offsets, strict=True)
    ]
    bounds = np.cumsum([0] + [spots.size for _, spots in lists])
    return np.concatenate([p for p, _ in lists]), np.concatenate([s for _, s in lists]), bounds
