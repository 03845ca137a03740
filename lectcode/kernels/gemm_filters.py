"""The gradient of the filters as a matrix product over pixels.

    dF[c_out, j] = sum_{n, x} G[n, c_out, x] window[n, x, j]        x a pixel, j = (c_in, k_h, k_w)

The micro-kernel multiplies rows, which it reads where they are, by lines, of which it wants a vector for each pixel:
they are packed transposed. Either side may be the lines.

* The windows are the lines, the filters the rows: each number of a window is packed as often as windows contain it.
* The product is "turned": the filters are the lines, so that only G is packed, once, and the rows begin wherever a
  filter element meets the first pixel. Then dF comes out transposed and is turned at the end.

Turning pays if the windows are large and the filters few, and the pixels so many that the end does not matter:
`_costs` weighs it. The sums are added to a block that stays in the second-level cache while a task goes through its
pixels; if all pixels fit into one panel, they are written to dF at once.

Few lines and rows leave few tasks. Then the pixels are divided too, always into the same parts for the same geometry,
and the parts are added in order: a result does not depend on the number of threads.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numba import njit

from lectcode.kernels import narrow
from lectcode.kernels.block import ROWS, VECTORS, multiply_add_1, multiply_add_2, multiply_add_3
from lectcode.kernels.correlation import SECOND_LEVEL, forward_axis
from lectcode.kernels.panels import cut, pack_transposed, pad_plane, plan_moves
from lectcode.kernels.simd import BYTES, load, store, transpose
from lectcode.kernels.threads import share

ACCUMULATORS = 400_000  # bytes of sums that a task adds to
DEPTH = 256  # pixels of a panel, at most
TASKS = 4  # at least, if there are lines, rows or pixels enough to divide
LEAST = 128  # rows of a task, if a turned product's rows are divided
PIXELS = 2048  # at least, in a part
TABLE = 4096  # pixels of a unit whose places are listed, at most
TURN = 5  # to transpose one number takes as long as so many multiply-adds


class Sizes(NamedTuple):
    """What the compiled loops must know; every pair is (height, width), distances are counted in elements."""

    N: int
    groups: int
    filters: int  # per group
    channels: int  # of the input, per group
    turned: bool
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
    workspace: tuple  # sizes of a thread's padded input, panel and block of sums


def grad_filters(G, I, geometry, dF):
    """Write the gradient of the filters into dF."""
    if G.size == 0 or dF.size == 0:
        dF[...] = 0
        return
    if dF.shape[0] // geometry.groups < ROWS and geometry.groups * dF.shape[1] >= TASKS:
        narrow.grad_filters(G, I, geometry, dF)
        return
    sizes, taps, places = plan(G.shape[0], dF.shape[0] // geometry.groups, dF.shape[1], geometry, G.itemsize)
    partial = dF if sizes.parts == 1 else np.empty((sizes.parts, *dF.shape), dF.dtype)
    tasks = sizes.groups * sizes.across * sizes.down * sizes.parts
    arguments = G.reshape(-1), I.reshape(-1), sizes, taps, places, partial.reshape(-1)
    share(_grad_filters, tasks, G.size * dF[:1].size, *arguments, workspace=(sum(sizes.workspace), G.dtype))
    if sizes.parts > 1:
        with np.errstate(all="ignore"):
            np.sum(partial, axis=0, out=dF)


@njit(nogil=True, cache=True)
def _grad_filters(G, X, sizes, taps, places, dF, workspace, first, last):
    """Run the tasks first, ..., last - 1: some lines and rows of one group, from one part of the pixels."""
    lanes = BYTES // X.itemsize
    width = VECTORS * lanes
    total = sizes.channels * taps.size
    G_plane, X_plane = sizes.steps * sizes.columns, sizes.size[0] * sizes.size[1]
    padded_size, panel_size, _ = sizes.workspace
    padded = workspace[:padded_size]
    panel = workspace[padded_size : padded_size + panel_size]
    sums = workspace[padded_size + panel_size :]
    units = (sizes.N + sizes.images - 1) // sizes.images * sizes.bands
    tables = (
        np.arange(max(DEPTH, total + lanes)) * width,
        np.empty((DEPTH, 3), np.int64),
        np.empty((2 * DEPTH, 2), np.int64),
        np.zeros(ROWS, X.dtype),
    )
    for task in range(first, last):
        rest, part = divmod(task, sizes.parts)
        rest, across = divmod(rest, sizes.across)
        group, down = divmod(rest, sizes.down)
        if sizes.turned:
            f_0, f_1 = _share_of(across, sizes.across, sizes.quantum, sizes.filters)
            j_0, j_1 = _share_of(down, sizes.down, ROWS, total)
        else:
            f_0, f_1 = 0, sizes.filters
            j_0, j_1 = _share_of(across, sizes.across, sizes.quantum, total)
        c_0, c_1 = j_0 // taps.size, (j_1 - 1) // taps.size + 1
        # where the lines and rows begin; the last is repeated to fill a vector or a block
        filters = np.empty(_rounded(f_1 - f_0, lanes if sizes.turned else ROWS), np.int64)
        for f in range(filters.size):
            filters[f] = min(f_0 + f, f_1 - 1) * G_plane
        elements = np.empty(_rounded(j_1 - j_0, ROWS if sizes.turned else lanes), np.int64)
        for j in range(elements.size):
            c, t = divmod(min(j_0 + j, j_1 - 1), taps.size)
            elements[j] = (c - c_0) * sizes.plane + taps[t]
        if sizes.direct:
            C, c, pitch, block = dF, group * sizes.filters * total + j_0, total, width
        else:
            C, c, pitch, block = sums, 0, width, width * (elements.size if sizes.turned else filters.size)
        first_unit, last_unit = units * part // sizes.parts, units * (part + 1) // sizes.parts
        for unit in range(first_unit, last_unit):
            n, band = divmod(unit, sizes.bands)
            n, i = n * sizes.images, band * sizes.band
            images, end = min(sizes.images, sizes.N - n), min(i + sizes.band, sizes.steps)
            g = (n * sizes.groups + group) * sizes.filters * G_plane + i * sizes.columns
            x = ((n * sizes.groups + group) * sizes.channels + c_0) * X_plane + i * sizes.advance * sizes.size[1]
            if sizes.padded:
                corner = sizes.corner[0] + i * sizes.advance, sizes.corner[1]
                for image in range(images):
                    plane = ((n + image) * sizes.groups + group) * sizes.channels
                    to = image * sizes.used * sizes.plane
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
                            to + (channel - c_0) * sizes.plane,
                        )
            unit_of = images * (end - i) * sizes.columns, places, sizes.layout, unit > first_unit
            result = c, pitch, block
            if sizes.turned and sizes.padded:
                _add_products(padded, 0, elements, G, g, filters, False, unit_of, panel, tables, C, result)
            elif sizes.turned:
                _add_products(X, x, elements, G, g, filters, False, unit_of, panel, tables, C, result)
            elif sizes.padded:
                _add_products(G, g, filters, padded, 0, elements, True, unit_of, panel, tables, C, result)
            else:
                _add_products(G, g, filters, X, x, elements, False, unit_of, panel, tables, C, result)
        to = ((part * sizes.groups + group) * sizes.filters + f_0) * total + j_0
        if sizes.turned:
            _write_turned(sums, block, f_1 - f_0, j_1 - j_0, tables[0], dF, to, total)
        elif not sizes.direct:
            _write(sums, block, f_1 - f_0, j_1 - j_0, dF, to, total)


@njit(nogil=True, cache=True)
def _share_of(task, tasks, quantum, size):
    """Return the first number and the end of what a task has of `size` numbers, of which it takes whole quanta."""
    quanta = (size + quantum - 1) // quantum
    return quanta * task // tasks * quantum, min(quanta * (task + 1) // tasks * quantum, size)


@njit(nogil=True, cache=True)
def _rounded(size, multiple):
    return (size + multiple - 1) // multiple * multiple


@njit(nogil=True, cache=True)
def _add_products(A, a, rows, B, b, lines, overhang, unit, panel, tables, C, result):
    """Add the products of the pixels of one unit.

    C[c + r pitch + l] (+)= sum_x A[a + rows[r] + places[x]] B[b + lines[l] + pixel x], where `width` lines are a block
    of C, and pixel x stands where `layout` says.
    """
    pixels, places, layout, add = unit
    dense, pieces, moves, none = tables
    c, pitch, block = result
    columns, line, steps, image, step = layout
    lanes = BYTES // B.itemsize
    width = VECTORS * lanes
    panels = (pixels + DEPTH - 1) // DEPTH
    for p in range(panels):
        begin, stop = pixels * p // panels, pixels * (p + 1) // panels
        cuts = cut(begin, stop, columns, line, steps, image, step, 1, pieces)
        number = plan_moves(pieces, cuts, lanes, overhang, moves)
        for l in range(0, lines.size, width):
            vectors = min(width, lines.size - l) // lanes
            pack_transposed(B, b, lines[l:], vectors * lanes, pieces, cuts, moves, number, panel, width)
            for r in range(0, rows.size, ROWS):
                at, more = c + l // width * block + r * pitch, add or p > 0
                depth, row = stop - begin, rows[r:]
                if vectors == VECTORS:
                    multiply_add_3(depth, A, a, row, places, begin, panel, 0, dense, 0, C, at, pitch, none, 0, more)
                elif vectors == 2:
                    multiply_add_2(depth, A, a, row, places, begin, panel, 0, dense, 0, C, at, pitch, none, 0, more)
                else:
                    multiply_add_1(depth, A, a, row, places, begin, panel, 0, dense, 0, C, at, pitch, none, 0, more)


@njit(nogil=True, cache=True)
def _write(sums, block, rows, lines, dF, to, pitch):
    """Write the sums of all lines of each row one after the other."""
    lanes = BYTES // dF.itemsize
    width = VECTORS * lanes
    for r in range(rows):
        for l in range(0, lines, width):
            source, target = l // width * block + r * width, to + r * pitch + l
            count = min(width, lines - l)
            for v in range(0, count - lanes + 1, lanes):
                store(dF, target + v, load(sums, source + v))
            for v in range(count // lanes * lanes, count):
                dF[target + v] = sums[source + v]


@njit(nogil=True, cache=True)
def _write_turned(sums, block, lines, rows, dense, dF, to, pitch):
    """Write the sums of all rows of each line one after the other."""
    lanes = BYTES // dF.itemsize
    width = VECTORS * lanes
    for first in range(0, lines, width):
        count = min(width, lines - first)
        start = first // width * block
        if count < lanes or rows < lanes:
            for l in range(count):
                for r in range(rows):
                    dF[to + (first + l) * pitch + r] = sums[start + r * width + l]
        else:
            for l in range(0, count, lanes):
                line = min(l, count - lanes)  # the last vectors may begin earlier and write some sums twice
                for r in range(0, rows, lanes):
                    row = min(r, rows - lanes)
                    transpose(sums, start + line, dense, row, dF, to + (first + line) * pitch + row, pitch)


def _costs(filters, elements, pixels, waste, lanes):
    """Weigh the product as it is and turned: multiply-adds of full vectors and blocks, and what is transposed."""
    straight = pixels * (_up(filters, ROWS) * _up(elements, lanes) + TURN * waste * elements)
    turned = pixels * (_up(elements, ROWS) * _up(filters, lanes) + TURN * filters) + TURN * filters * elements
    return straight, turned


def _up(size, multiple):
    return -(-size // multiple) * multiple


@lru_cache(512)
def plan(N, filters, channels, geometry, itemsize):
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
    groups, steps, columns = geometry.groups, y.steps, x.steps
    pixels = steps * columns
    taps = [(*tap_y[1:], *tap_x[1:]) for tap_y in y.parts[0][3] for tap_x in x.parts[0][3]]
    elements = channels * len(taps)
    inside = y.corner == x.corner == 0 and y.last < y.size and x.last < x.size
    # every row of the input is as long as the row of pixels: then whole images are one piece
    whole = inside and x.stride == y.stride == 1 and x.size == columns and pixels >= lanes
    straight, turned = _costs(filters, elements, N * pixels, 1 if whole else _up(columns, lanes) / columns, lanes)
    turned = turned < straight
    padded = not inside if turned else not whole
    # tasks
    rows, lines = (elements, filters) if turned else (filters, elements)
    quantum = lanes if turned or lines < 4 * TASKS * width else width
    quanta = -(-lines // quantum)
    row_bytes = _up(rows, ROWS) * width * itemsize  # of the sums of `width` lines
    if turned:
        across, down = -(-quanta // VECTORS), -(-row_bytes // ACCUMULATORS)
    else:
        across, down = -(-lines // (max(ACCUMULATORS // row_bytes, 1) * width)), 1
    parts = max(1, min(-(-TASKS // (groups * across * down)), N * pixels // PIXELS))
    if turned:
        down = _divisible(groups * across * parts, down, elements // LEAST)
        most = -(-_up(elements, ROWS) // ROWS // down) * ROWS
    else:
        across = _divisible(groups * parts, across, quanta)
        most = -(-quanta // across) * quantum
    used = min(channels, (most - 2) // len(taps) + 2)
    # units
    if turned:
        advance, stride, phases = (y.stride, x.stride), (1, 1), (1, 1)
        reach = y.last - (steps - 1) * y.stride, x.last - (columns - 1) * x.stride
    else:
        advance, stride, phases = (1, 1), (y.stride, x.stride), (y.phases, x.phases)
        reach = y.reach, x.reach
    line = (columns - 1) * advance[1] + 1 + reach[1] if padded else x.size
    step_bytes = used * phases[0] * phases[1] * advance[0] * line * itemsize
    if not turned:
        step_bytes += filters * columns * itemsize
    fit = max(SECOND_LEVEL * 3 // 2 // step_bytes - reach[0], 1)
    images = max(1, min(N, DEPTH // pixels, fit // steps))
    images = -(-N // -(-N // images))
    band = min(fit, TABLE // columns)
    bands = min(steps, max(-(-steps // max(band, -(-DEPTH // columns))), -(-parts // N)))
    band = -(-steps // bands)
    bands = -(-steps // band)
    units = -(-N // images) * bands
    parts = min(parts, units)
    direct = not turned and units == 1 and N * pixels <= DEPTH and elements % lanes == filters % ROWS == 0
    sums = most * width if turned else _up(most, width) * _up(filters, ROWS)  # numbers
    # tables
    extent = (band - 1) * advance[0] + 1 + reach[0], line
    plane = phases[0] * phases[1] * extent[0] * extent[1] if padded else y.size * x.size
    table = []
    for y_shift, f, x_shift, g in taps:
        if padded and not turned:
            table.append(((f * x.phases + g) * extent[0] + y_shift) * line + x_shift)
        else:
            table.append((y_shift * y.stride + f) * line + x_shift * x.stride + g)
    G_image = groups * filters * pixels
    X_image = used * plane if padded else groups * channels * plane
    n, i, j = np.ogrid[:images, :band, :columns]
    if turned:
        places = n * X_image + i * advance[0] * line + j * advance[1]
        layout = band * columns, band * columns, 1, G_image, 0
    else:
        places = n * G_image + i * columns + j
        if whole:
            layout = band * columns, band * columns, 1, X_image, 0
        else:
            layout = columns, columns, band, X_image, line
    sizes = Sizes(
        N=N,
        groups=groups,
        filters=filters,
        channels=channels,
        turned=turned,
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
            (DEPTH + lanes) * width,
            0 if direct else sums,
        ),
    )
    return sizes, np.array(table, np.int64), np.ascontiguousarray(places, np.int64).reshape(-1)


def _divisible(tasks, number, most):
    """Return into how many parts, from `number` to `most`, to divide tasks so that a few threads get as many each."""
    for parts in range(number, most + 1):
        if tasks * parts % TASKS == 0 or tasks * parts >= 4 * TASKS:
            return parts
    return max(number, min(most, TASKS))
