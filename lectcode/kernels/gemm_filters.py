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
* "dots": for few filters of few channels and one element, neither side is packed: see `lectcode.kernels.dots`.

`lectcode.kernels.filter_plans` weighs them. The sums are added to a block that stays in the second-level cache while a
task goes through its pixels; if all pixels fit into one panel, "windows" writes them to dF at once.

What is left out are products with the zeros of the padding. They matter if G is not finite, for 0 inf is NaN: then
"inner" says so, and another way is gone.

Few lines and rows leave few tasks. Then the pixels are divided too, always into the same parts for the same geometry,
and the parts are added in order: a result does not depend on the number of threads.
"""

from dataclasses import replace
from functools import lru_cache

import numpy as np

from lectcode.kernels import dots, grouped, narrow, pointwise
from lectcode.kernels.block import ROWS, VECTORS, multiply_add_1, multiply_add_2, multiply_add_3
from lectcode.kernels.compiled import entry, inner
from lectcode.kernels.correlation import one_element
from lectcode.kernels.filter_plans import DEPTH, Sizes, Tables, plan_filters
from lectcode.kernels.panels import cut, pack_transposed, pad_plane, plan_moves
from lectcode.kernels.simd import anywhere, frozen, lanes_of, load, splat, store, transpose, undefined
from lectcode.kernels.threads import share

COPIED = 16  # multiply-adds that take as long as to copy a number
OFTEN = 256  # filters for which numbers are worth copying (measured)


def grad_filters(G, I, geometry, dF):
    """Write the gradient of the filters into dF."""
    if G.size == 0 or dF.size == 0:
        dF[...] = 0
        return
    rows = dF.shape[0] // geometry.groups
    if _are_scattered(geometry, len(I), rows):
        I, geometry = _met(I, geometry)
    if pointwise.applies(geometry, rows, G.dtype):
        pointwise.grad_filters(G, I, geometry, dF)
        return
    if grouped.chooses(geometry, rows, dF.shape[1], G.dtype):
        grouped.grad_filters(G, I, geometry, dF)
        return
    if not _product(G, I, geometry, rows, dF, True):
        _product(G, I, geometry, rows, dF, False)


def _are_scattered(geometry, N, rows):
    """Tell if filters of one element meet few pixels of each image, not next to each other, and read them often.

    A panel then has pixels of several images, and with those between them they fill the nearest cache.
    """
    height, width = geometry.output_size
    apart = one_element(geometry) and geometry.stride != (1, 1)
    return apart and height * width < DEPTH and N > 1 and rows >= OFTEN


def _met(I, geometry):
    """Return the pixels that filters of one element meet, and the geometry in which they are the input."""
    planes = I.shape[0] * I.shape[1]
    met = np.empty((*I.shape[:2], *geometry.output_size), I.dtype)
    share(_copy_met, planes, COPIED * met.size, I.reshape(planes, *I.shape[2:]), geometry.stride, met)
    return met, _next_to_each_other(geometry)


@lru_cache(512)
def _next_to_each_other(geometry):
    return replace(geometry, input_size=geometry.output_size, stride=(1, 1))


@entry
def _copy_met(X, stride, met, first, last):
    """Copy the pixels met in planes first, ..., last - 1."""
    height, width = met.shape[2:]
    (S_h, S_w), copies = stride, met.reshape(-1)
    for plane in range(first, last):  # plane alone writes its part of met
        for i in range(height):
            at = (plane * height + i) * width
            for j in range(width):
                copies[at + j] = X[plane, i * S_h, j * S_w]


def _product(G, I, geometry, rows, dF, finite):
    """Take the cheapest way; tell if it came to its end, as "inner" does only if G is finite."""
    plan = plan_filters(G.shape[0], rows, dF.shape[1], geometry, G.itemsize, finite)
    if plan.way == "narrow":
        narrow.grad_filters(G, I, geometry, dF)
        return True
    if plan.way == "dots":
        share(dots.grad_filters, plan.tasks, plan.work, G.ravel(), I.ravel(), *plan.told, dF.ravel())
        return True
    parts = plan.sizes.parts
    partial = dF if parts == 1 else np.empty((parts, *dF.shape), dF.dtype)
    failed = np.zeros(plan.tasks, np.bool_)
    arguments = G.ravel(), I.ravel(), *plan.told, partial.ravel(), failed
    share(_grad_filters, plan.tasks, plan.work, *arguments, workspace=(plan.room, G.dtype))
    if parts > 1:
        with np.errstate(all="ignore"):
            np.sum(partial, axis=0, out=dF)
    return plan.way != "inner" or not failed.any()


@entry
def _grad_filters(G, X, numbers, arrays, dF, failed, workspace, first, last):
    """Run the tasks first, ..., last - 1: some lines and rows of one group, from one part of the pixels."""
    lanes, sizes, tables = lanes_of(X), Sizes(*numbers), Tables(*arrays)
    width = VECTORS * lanes
    T, total = tables.taps.size, sizes.channels * tables.taps.size
    G_plane, X_plane = sizes.steps * sizes.columns, sizes.size[0] * sizes.size[1]
    padded_size, panel_size, _ = sizes.workspace
    padded = workspace[:padded_size]
    copy = frozen(padded)
    panel = workspace[padded_size : padded_size + panel_size]
    sums = workspace[padded_size + panel_size :]
    units = (sizes.N + sizes.images - 1) // sizes.images * sizes.bands
    scratch = np.empty((DEPTH, 3), np.int64), np.empty((2 * DEPTH, 3), np.int64), np.zeros(ROWS, X.dtype)
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
            of_G, of_X = (G, g, filters), (copy if sizes.padded else X, x, elements)
            rows, lines = (of_X, of_G) if sizes.turned else (of_G, of_X)
            if not _add_products(*rows, *lines, sizes, here, tables, panel, scratch, C, result, order, dF):
                failed[task] = True


@inner
def _share_of(task, tasks, quantum, size):
    """Return the first number and the end of what a task has of `size` numbers, of which it takes whole quanta."""
    quanta = (size + quantum - 1) // quantum
    return quanta * task // tasks * quantum, min(quanta * (task + 1) // tasks * quantum, size)


@inner
def _rounded(size, multiple):
    return (size + multiple - 1) // multiple * multiple


@inner
def _add_products(A, a, rows, B, b, lines, sizes, here, tables, panel, scratch, C, result, order, dF):
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
    number = (pixels + DEPTH - 1) // DEPTH
    finite = True
    for p in range(number):
        begin, stop = pixels * p // number, pixels * (p + 1) // number
        cuts = cut(begin, stop, columns, line, steps, image, step, 1, pieces)
        count = plan_moves(pieces, cuts, 1, lanes, sizes.padded and not sizes.turned, moves)
        # Lines that have just been packed stay in the nearest cache while all rows are multiplied by them.
        for l in range(0, lines.size, width):
            some = min(width, lines.size - l)
            pack_transposed(B, b, lines[l:], some, pieces, cuts, moves, count, panel, width)
            if sizes.inner and not _is_finite(panel, stop - begin, some, width):
                finite = False
            for r in range(0, rows.size, ROWS):
                i, j, depth, row = begin, 0, stop - begin, rows[r:]
                if sizes.inner:
                    t = p * lists + r // ROWS % lists
                    i = j = tables.bounds[t]
                    depth = (tables.bounds[t + 1] - i) // sizes.images * images
                to, add = c + l // width * block + r * pitch, more or p > 0
                if some == width:
                    multiply_add_3(depth, A, a, row, places, i, panel, 0, spots, j, C, to, pitch, none, 0, add)
                elif some == 2 * lanes:
                    multiply_add_2(depth, A, a, row, places, i, panel, 0, spots, j, C, to, pitch, none, 0, add)
                else:
                    multiply_add_1(depth, A, a, row, places, i, panel, 0, spots, j, C, to, pitch, none, 0, add)
    if last and not sizes.direct:
        together = ROWS * lists * max(lanes // ROWS, 1)
        for r in range(0, rows.size, together):
            if sizes.turned:
                _write_turned(C, block, filters, r, min(r + together, elements), order, dF, target, total)
            else:
                _write(C, block, r, min(r + together, filters), elements, dF, target, total)
    return finite


@inner
def _is_finite(panel, pixels, lines, width):
    """Tell if all numbers of a panel are finite: only then are all their products with 0 equal to 0."""
    lanes = lanes_of(panel)
    zero = splat(panel.dtype.type(0))
    total = zero
    for x in range(pixels):
        for l in range(0, lines, lanes):
            total = total + zero * load(panel, x * width + l)
    return not anywhere(undefined(total, total))


@inner
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


@inner
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
