"""The gradient of the filters as a matrix product over pixels.

    dF[c_out, j] = sum_{n, x} G[n, c_out, x] window[n, x, j]        x a pixel, j = (c_in, k_h, k_w)

The micro-kernel multiplies rows, which it reads where they are, by lines, of which it wants a vector for each pixel:
they are packed transposed. Either side may be the lines, and there are several ways:

* "windows": the windows are the lines, the filters the rows. Each number of the input is packed as often as windows
  contain it.
* "filters": the product is turned, the filters are the lines. Only G is packed, once, and a row begins wherever its
  filter element meets the first pixel. Then dF comes out transposed and is turned at the end.
* "inner": the same, where the rows of a block are channels that share one filter element. So the pixels at which this
  element meets the padding can be left out, which on small maps are many, and the input need not be padded.

* "dots": for few filters of few channels and one element, neither side is packed: vectors run along the pixels.

`_costs` weighs them. The sums are added to a block that stays in the second-level cache while a task goes through its
pixels; if all pixels fit into one panel, "windows" writes them to dF at once.

What is left out are products with the zeros of the padding. They matter if G is not finite, for 0 inf is NaN: then
"inner" says so, and another way is gone.

Few lines and rows leave few tasks. Then the pixels are divided too, always into the same parts for the same geometry,
and the parts are added in order: a result does not depend on the number of threads.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numba import njit

from lectcode.kernels import grouped, narrow, pointwise
from lectcode.kernels.block import ROWS, VECTORS, multiply_add_1, multiply_add_2, multiply_add_3
from lectcode.kernels.correlation import SECOND_LEVEL, Axis, forward_axis
from lectcode.kernels.panels import cut, pack_transposed, pad_plane, plan_moves
from lectcode.kernels.simd import BYTES, frozen, lanes_of, load, splat, store, transpose
from lectcode.kernels.threads import share

ACCUMULATORS = 400_000  # bytes of sums that a task adds to
DEPTH = 256  # pixels of a panel, at most
BLOCKS = 4  # of lines in a task, at most
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
    """What the compiled loops must know; every pair is (height, width), distances are counted in elements."""

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
    tables: Tables | None = None
    tasks: int = 0
    work: int = 0  # multiply-adds that take as long


def grad_filters(G, I, geometry, dF):
    """Write the gradient of the filters into dF."""
    if G.size == 0 or dF.size == 0:
        dF[...] = 0
        return
    rows = dF.shape[0] // geometry.groups
    if pointwise.applies(geometry, rows, G.dtype):
        pointwise.grad_filters(G, I, geometry, dF)
        return
    if grouped.chooses(geometry, rows, dF.shape[1], G.dtype):
        grouped.grad_filters(G, I, geometry, dF)
        return
    for finite in (True, False):
        plan = plan_filters(G.shape[0], rows, dF.shape[1], geometry, G.itemsize, finite)
        if plan.way == "narrow":
            narrow.grad_filters(G, I, geometry, dF)
            return
        if plan.way == "dots":
            share(_dots, plan.tasks, plan.work, G.reshape(-1), I.reshape(-1), plan.sizes, dF.reshape(-1))
            return
        sizes = plan.sizes
        partial = dF if sizes.parts == 1 else np.empty((sizes.parts, *dF.shape), dF.dtype)
        failed = np.zeros(plan.tasks, np.bool_)
        arguments = G.reshape(-1), I.reshape(-1), sizes, plan.tables, partial.reshape(-1), failed
        share(_grad_filters, plan.tasks, plan.work, *arguments, workspace=(sum(sizes.workspace), G.dtype))
        if not failed.any():
            break
    if sizes.parts > 1:
        with np.errstate(all="ignore"):
            np.sum(partial, axis=0, out=dF)


@njit(nogil=True, cache=True)
def _grad_filters(G, X, sizes, tables, dF, failed, workspace, first, last):
    """Run the tasks first, ..., last - 1: some lines and rows of one group, from one part of the pixels."""
    lanes = lanes_of(X)
    width = VECTORS * lanes
    T, total = tables.taps.size, sizes.channels * tables.taps.size
    G_plane, X_plane = sizes.steps * sizes.columns, sizes.size[0] * sizes.size[1]
    padded_size, panel_size, _ = sizes.workspace
    padded = workspace[:padded_size]
    copy = frozen(padded)
    panels = workspace[padded_size : padded_size + panel_size]
    sums = workspace[padded_size + panel_size :]
    units = (sizes.N + sizes.images - 1) // sizes.images * sizes.bands
    scratch = np.empty((DEPTH, 3), np.int64), np.empty((2 * DEPTH, 2), np.int64), np.zeros(ROWS, X.dtype)
    for task in range(first, last):
        rest, part = divmod(task, sizes.parts)
        rest, across = divmod(rest, sizes.across)
        group, down = divmod(rest, sizes.down)
        multiple = ROWS * T if sizes.inner else ROWS  # rows that are not divided
        if sizes.turned:
            f_0, f_1 = _share_of(across, sizes.across, sizes.quantum, sizes.filters)
            j_0, j_1 = _share_of(down, sizes.down, multiple, total)
        else:
            f_0, f_1 = _share_of(down, sizes.down, multiple, sizes.filters)
            j_0, j_1 = _share_of(across, sizes.across, sizes.quantum, total)
        c_0, c_1 = j_0 // T, (j_1 - 1) // T + 1
        filters = np.empty(_rounded(f_1 - f_0, lanes if sizes.turned else ROWS), np.int64)
        for f in range(filters.size):  # the last is repeated to fill a vector or a block
            filters[f] = min(f_0 + f, f_1 - 1) * G_plane
        elements = np.empty(_rounded(j_1 - j_0, multiple if sizes.turned else lanes), np.int64)
        order = np.empty(elements.size, np.int64)  # where the sums of an element are
        for j in range(elements.size):
            c, t = divmod(min(j_0 + j, j_1 - 1), T)
            at = j
            if sizes.inner:  # row r of block t of some channels is element t of the r-th of them
                c, t = divmod(j, T)
                at = (c // ROWS * T + t) * ROWS + c % ROWS
                c = min(c_0 + c, c_1 - 1)
            elements[at] = (c - c_0) * sizes.plane + tables.taps[t]
            order[j] = at * width
        to = ((part * sizes.groups + group) * sizes.filters + f_0) * total + j_0
        if sizes.direct:
            C, c, pitch, block = dF, to, total, width
        else:
            C, c, pitch, block = sums, 0, width, width * (elements.size if sizes.turned else filters.size)
        result = c, pitch, block, f_1 - f_0, j_1 - j_0, to, total
        first_unit, last_unit = units * part // sizes.parts, units * (part + 1) // sizes.parts
        for unit in range(first_unit, last_unit):
            n, band = divmod(unit, sizes.bands)
            n, i = n * sizes.images, band * sizes.band
            images, end = min(sizes.images, sizes.N - n), min(i + sizes.band, sizes.steps)
            g = (n * sizes.groups + group) * sizes.filters * G_plane + i * sizes.columns
            x = ((n * sizes.groups + group) * sizes.channels + c_0) * X_plane + i * sizes.advance * sizes.size[1]
            if sizes.padded:
                x = 0
                corner = sizes.corner[0] + i * sizes.advance, sizes.corner[1]
                for image in range(images):
                    plane = ((n + image) * sizes.groups + group) * sizes.channels
                    for channel in range(c_0, c_1):
                        pad_plane(
                            X,
                            (plane + channel) * X_plane,
                            sizes.size,
                            corner,
                            sizes.stride,
                            sizes.phases,
                            sizes.extent,
                            padded,
                            (image * sizes.used + channel - c_0) * sizes.plane,
                        )
            here = images, images * (end - i) * sizes.columns, unit > first_unit, unit == last_unit - 1
            rest = sizes, here, tables, panels, scratch, C, result, order, dF
            if sizes.turned and sizes.padded:
                _add_products(copy, x, elements, G, g, filters, *rest)
            elif sizes.turned:
                finite = _add_products(X, x, elements, G, g, filters, *rest)
                if not finite:
                    failed[task] = True
            elif sizes.padded:
                _add_products(G, g, filters, copy, x, elements, *rest)
            else:
                _add_products(G, g, filters, X, x, elements, *rest)


@njit(nogil=True, cache=True)
def _dots(G, X, sizes, dF, first, last):
    """Run the tasks first, ..., last - 1: the filters of one group, of one element, with two channels.

    Two filters meet two channels at once; if there is no second one, the first is taken twice.
    """
    N, groups, filters, channels, pixels = sizes
    lanes = lanes_of(X)
    pairs = (channels + 1) // 2
    sums, ends = np.empty(4 * filters * lanes, X.dtype), np.empty(4 * filters, X.dtype)
    for task in range(first, last):
        group, pair = divmod(task, pairs)
        c_0, c_1 = 2 * pair, min(2 * pair + 1, channels - 1)
        sums[:] = 0
        ends[:] = 0
        for n in range(N):
            for begin in range(0, pixels, LISTED):  # they stay near while all filters meet them
                stop = min(begin + LISTED, pixels)
                x = (n * groups + group) * channels * pixels
                x_0, x_1 = x + c_0 * pixels, x + c_1 * pixels
                for f in range(0, filters, 2):
                    g_0 = ((n * groups + group) * filters + f) * pixels
                    g_1 = g_0 + pixels if f + 1 < filters else g_0
                    at = 4 * f * lanes
                    sum_00, sum_01 = load(sums, at), load(sums, at + lanes)
                    sum_10, sum_11 = load(sums, at + 2 * lanes), load(sums, at + 3 * lanes)
                    full = stop - (stop - begin) % lanes
                    for p in range(begin, full, lanes):
                        g, h, a, b = load(G, g_0 + p), load(G, g_1 + p), load(X, x_0 + p), load(X, x_1 + p)
                        sum_00, sum_01 = sum_00 + g * a, sum_01 + g * b
                        sum_10, sum_11 = sum_10 + h * a, sum_11 + h * b
                    store(sums, at, sum_00)
                    store(sums, at + lanes, sum_01)
                    store(sums, at + 2 * lanes, sum_10)
                    store(sums, at + 3 * lanes, sum_11)
                    for p in range(full, stop):
                        ends[4 * f] += G[g_0 + p] * X[x_0 + p]
                        ends[4 * f + 1] += G[g_0 + p] * X[x_1 + p]
                        ends[4 * f + 2] += G[g_1 + p] * X[x_0 + p]
                        ends[4 * f + 3] += G[g_1 + p] * X[x_1 + p]
        for f in range(filters):
            k = 4 * (f - f % 2) + 2 * (f % 2)
            to = (group * filters + f) * channels
            dF[to + c_0] = sums[k * lanes : (k + 1) * lanes].sum() + ends[k]
            if c_1 > c_0:
                dF[to + c_1] = sums[(k + 1) * lanes : (k + 2) * lanes].sum() + ends[k + 1]


@njit(nogil=True, cache=True)
def _share_of(task, tasks, quantum, size):
    """Return the first number and the end of what a task has of `size` numbers, of which it takes whole quanta."""
    quanta = (size + quantum - 1) // quantum
    return quanta * task // tasks * quantum, min(quanta * (task + 1) // tasks * quantum, size)


@njit(nogil=True, cache=True)
def _rounded(size, multiple):
    return (size + multiple - 1) // multiple * multiple


@njit(nogil=True, cache=True)
def _add_products(A, a, rows, B, b, lines, sizes, here, tables, panels, scratch, C, result, order, dF):
    """Add the products of the pixels of one unit; if it is the last, write the result. Tell if "inner" may do so.

    C[c + r pitch + l] (+)= sum_x A[a + rows[r] + places[x]] B[b + lines[l] + pixel x], where `width` lines are a block
    of C.
    """
    images, pixels, more, last = here
    pieces, moves, none = scratch
    c, pitch, block, filters, elements, target, total = result
    places, spots = tables.places, tables.spots
    columns, line, steps, image, step = sizes.layout
    lanes = lanes_of(B)
    width = VECTORS * lanes
    lists = tables.taps.size if sizes.inner else 1
    some = ROWS * lists * max(lanes // ROWS, 1)  # rows whose results are written together
    number = (pixels + DEPTH - 1) // DEPTH
    finite = True
    for p in range(number):
        begin, stop = pixels * p // number, pixels * (p + 1) // number
        cuts = cut(begin, stop, columns, line, steps, image, step, 1, pieces)
        count = plan_moves(pieces, cuts, lanes, sizes.padded and not sizes.turned, moves)
        for l in range(0, lines.size, width):
            panel = panels[l * (DEPTH + lanes) :]
            pack_transposed(B, b, lines[l:], min(width, lines.size - l), pieces, cuts, moves, count, panel, width)
            if sizes.inner and not _is_finite(panel, stop - begin, min(width, lines.size - l), width):
                finite = False
        for r_0 in range(0, rows.size, some):
            r_1 = min(r_0 + some, rows.size)
            for r in range(r_0, r_1, ROWS):
                i, j, depth, row = begin, 0, stop - begin, rows[r:]
                if sizes.inner:
                    t = p * lists + r // ROWS % lists
                    i = j = tables.bounds[t]
                    depth = (tables.bounds[t + 1] - i) // sizes.images * images
                for l in range(0, lines.size, width):
                    vectors = min(width, lines.size - l) // lanes
                    panel = panels[l * (DEPTH + lanes) :]
                    to, add = c + l // width * block + r * pitch, more or p > 0
                    if vectors == VECTORS:
                        multiply_add_3(depth, A, a, row, places, i, panel, 0, spots, j, C, to, pitch, none, 0, add)
                    elif vectors == 2:
                        multiply_add_2(depth, A, a, row, places, i, panel, 0, spots, j, C, to, pitch, none, 0, add)
                    else:
                        multiply_add_1(depth, A, a, row, places, i, panel, 0, spots, j, C, to, pitch, none, 0, add)
            if last and p == number - 1 and not sizes.direct:
                if sizes.turned:
                    _write_turned(C, block, filters, r_0, min(r_1, elements), order, dF, target, total)
                else:
                    _write(C, block, r_0, min(r_1, filters), elements, dF, target, total)
    return finite


@njit(nogil=True, cache=True)
def _is_finite(panel, pixels, lines, width):
    """Tell if all numbers of a panel are finite: only then are all their products with 0 equal to 0."""
    lanes = lanes_of(panel)
    zero = splat(panel.dtype.type(0))
    total = zero
    for x in range(pixels):
        for l in range(0, lines, lanes):
            total = total + zero * load(panel, x * width + l)
    check = np.empty(lanes, panel.dtype)
    store(check, 0, total)
    return check.sum() == 0


@njit(nogil=True, cache=True)
def _write(sums, block, first, last, lines, dF, to, pitch):
    """Write the sums of all lines of the rows first, ..., last - 1."""
    lanes = lanes_of(dF)
    width = VECTORS * lanes
    for r in range(first, last):
        for l in range(0, lines, width):
            source, target = l // width * block + r * width, to + r * pitch + l
            count = min(width, lines - l)
            for v in range(0, count - lanes + 1, lanes):
                store(dF, target + v, load(sums, source + v))
            for v in range(count // lanes * lanes, count):
                dF[target + v] = sums[source + v]


@njit(nogil=True, cache=True)
def _write_turned(sums, block, lines, first, last, order, dF, to, pitch):
    """Write the sums of the rows first, ..., last - 1 of all lines."""
    lanes = lanes_of(dF)
    width = VECTORS * lanes
    for l_0 in range(0, lines, width):
        count = min(width, lines - l_0)
        start = l_0 // width * block
        if count < lanes or last < lanes:
            for l in range(count):
                for r in range(first, last):
                    dF[to + (l_0 + l) * pitch + r] = sums[start + order[r] + l]
        else:
            for v in range(0, count, lanes):
                l = min(v, count - lanes)  # the last vectors may begin earlier and write some sums twice
                for u in range(first, last, lanes):
                    r = min(u, last - lanes)
                    transpose(sums, start + l, order, r, dF, to + (l_0 + l) * pitch + r, pitch)


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
    axes = zip(
        geometry.input_size,
        geometry.kernel_size,
        geometry.stride,
        geometry.dilation,
        geometry.before,
        geometry.output_size,
        strict=True,
    )
    lanes = BYTES // itemsize
    problem = Problem(N, geometry.groups, filters, channels, *(forward_axis(*axis) for axis in axes), lanes)
    costs = _costs(problem, finite)
    way = min(costs, key=costs.get)
    work = geometry.groups * int(costs[way])
    if way == "narrow":
        return Plan(way)
    if way == "dots":
        sizes = N, geometry.groups, filters, channels, problem.pixels
        return Plan(way, sizes, None, geometry.groups * -(-channels // 2), work)
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
            _up(images * used * plane + 2 * width, width) if padded else 0,
            _up(most_lines, width) * (DEPTH + lanes),
            0 if direct else _up(most_lines, width) * most_rows,
        ),
    )
    tables = Tables(*(np.ascontiguousarray(table, np.int64) for table in (offsets, places, spots, bounds)))
    return Plan(way, sizes, tables, geometry.groups * across * down * parts, work)


def _up(size, multiple):
    return -(-size // multiple) * multiple


def _costs(problem, finite):
    """Weigh the ways by multiply-adds, those of idle rows and lanes among them, and by what moving numbers costs."""
    N, _, filters, channels, y, x, lanes = problem
    pixels, T, elements = N * problem.pixels, len(problem.taps), problem.elements
    packed = pixels * elements  # numbers of all windows; of short rows, vectors are copied that reach past the end
    if not problem.whole:
        packed *= _up(x.steps, lanes) / x.steps
    copied = COPY * N * channels * y.size
    costs = {
        "narrow": pixels * filters * channels * (NARROW[0] + NARROW[1] * T),
        "windows": pixels * _up(filters, ROWS) * _up(elements, lanes)
        + TURN * packed
        + (0 if problem.whole else copied),
        "filters": pixels * _up(elements, ROWS) * _up(filters, lanes)
        + TURN * (pixels + elements) * filters
        + (0 if problem.inside else copied),
    }
    if problem.whole and T == 1:
        costs["dots"] = DOT * N * filters * channels * (problem.pixels + APART)
    if not problem.inside and finite and T * max(problem.pixels, DEPTH) <= TABLE:
        met = problem.met()
        if all(met[:, begin:end].any(1).all() for begin, end in _panels(problem.pixels)):
            costs["inner"] = (
                met.mean() * pixels * _up(channels, ROWS) * T * _up(filters, lanes)
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
        rows, least = (_up(channels, ROWS) * T, ROWS * T) if way == "inner" else (elements, ROWS)
        fetch, pack = FETCH * N * channels * y.size * x.size, TURN * pixels * filters
    work = groups * pixels * elements * filters
    quanta, blocks = -(-lines // quantum), -(-rows // least)
    best = None
    fewest = -(-lines // (BLOCKS * width))
    for across in range(fewest, max(fewest, min(quanta, ENOUGH)) + 1):
        for down in range(1, blocks + 1):
            most = -(-quanta // across) * quantum, -(-blocks // down) * least
            too_large = _up(most[0], width) * most[1] * itemsize > ACCUMULATORS and not _is_direct(problem, way)
            for parts in range(1, max(1, min(TASKS, pixels // PIXELS)) + 1):
                tasks = groups * across * down * parts
                idle = _up(tasks, TASKS) / tasks - 1 if work >= WORTH_DIVIDING else 0
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
