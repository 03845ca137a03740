"""Moving numbers into the order in which the micro-kernel reads them.

The micro-kernel wants, for each k, vectors of neighbouring pixels. In a convolution these stand in rows of the padded
input, shifted by the position of the filter's element; a stride tears them apart. There are two ways to have them side
by side:

* `pack` takes them from the input itself to a panel that stays in the nearest cache, for some pixels and filter
  elements. A number is packed as often as windows contain it.
* `pad_plane` copies the input once, padded, its rows and columns sorted by row mod S and column mod S ("phases"): then
  the pixels that one filter element meets at neighbouring outputs are neighbours again, whatever the stride.
"""

import numpy as np

from lectcode.kernels.block import ROWS, pack_column
from lectcode.kernels.compiled import inlined, inner
from lectcode.kernels.simd import (
    evens,
    every_2,
    every_3,
    every_4,
    first,
    keep,
    lanes_of,
    load,
    splat,
    store,
    store_first,
    transpose,
)

TOGETHER = 16  # rows of a panel for which a move is done
# Elements of filters that are packed for one block, and then for the next: so many that the rows of a block are read as
# they follow each other, so few that a line of memory of which one block wants a fourth is still near for the others.
STRETCH = 512


@inner
def pad_plane(X, start, size, corner, stride, phases, extent, padded, position):
    """Copy one plane, padded with zeros and sorted by phase.

    Phase (f, g) is an image of `extent` pixels, the phases follow each other, and

        phase[f, g][i, j] = X_plane[corner[0] + i stride[0] + f, corner[1] + j stride[1] + g]

    or 0 where X has no such pixel. Up to one vector of zeros is written past the last phase: planes that follow each
    other are copied in their order.
    """
    (H, W), (S_h, S_w), (height, width) = size, stride, extent
    lanes = lanes_of(X)
    zero = splat(X.dtype.type(0))
    for f in range(phases[0]):
        top = min(max(-((corner[0] + f) // S_h), 0), height)  # rows i with 0 <= corner[0] + f + i S_h < H
        bottom = min(max(-((corner[0] + f - H) // S_h), top), height)
        for g in range(phases[1]):
            x_0 = corner[1] + g
            begin = min(max(-(x_0 // S_w), 0), width)  # columns j with 0 <= x_0 + j S_w < W
            count = min(max(-((x_0 - W) // S_w), begin), width) - begin
            row_begin, row_end = (top, bottom) if count > 0 else (height, height)
            # The zeros before the first pixel; each row then brings those up to the next row's first pixel.
            for j in range(0, row_begin * width + begin if row_begin < row_end else height * width, lanes):
                store(padded, position + j, zero)
            for i in range(row_begin, row_end):
                source = start + (corner[0] + f + i * S_h) * W + x_0 + begin * S_w
                span = width if i < row_end - 1 else (height - i) * width - begin
                _copy_row(X, source, S_w, count, padded, position + i * width + begin, span)
            position += height * width


@inner
def _load(X, at, stride, count):
    """Return one vector of numbers, each `stride` <= 4 after the one before; the first `count` of them matter."""
    if stride == 1:
        return load(X, at)
    if stride == 2:
        if count <= lanes_of(X) // 2:  # stand in one vector
            pixels = load(X, at)
            return evens(pixels, pixels)
        return every_2(X, at)
    return every_3(X, at) if stride == 3 else every_4(X, at)


@inlined  # a call would take as long as a short row
def _copy_row(X, source, stride, count, padded, to, span):
    """Copy `count` numbers, every stride-th of a row, and zeros up to `span`; up to one vector more is written."""
    lanes = lanes_of(X)
    zero = splat(X.dtype.type(0))
    vectors = (count + lanes - 1) // lanes
    end = vectors * lanes
    if stride <= 4 and source + stride * end <= X.size:
        for j in range(0, end, lanes):
            pixels = _load(X, source + stride * j, stride, count - j)
            store(padded, to + j, pixels if j + lanes <= count else first(pixels, count - j))
    else:  # longer strides, and the end of X, past which nothing is read
        for j in range(count):
            padded[to + j] = X[source + j * stride]
        end = count
    for j in range(end, span, lanes):
        store(padded, to + j, zero)


@inner
def pad_image(X, sizes, n, group, step, padded):
    """Copy all channels of a group of image n, padded, as a band from `step` on needs them.

    `sizes` are those of a plan of `lectcode.kernels.correlation`.
    """
    corner = step * sizes.stride[0] + sizes.corner[0], sizes.corner[1]
    for c in range(sizes.channels):
        start = ((n * sizes.groups + group) * sizes.channels + c) * sizes.size[0] * sizes.size[1]
        pad_plane(X, start, sizes.size, corner, sizes.stride, sizes.phases, sizes.extent, padded, c * sizes.plane)


@inner
def cut(begin, end, columns, line, rows, image, row, column, pieces):
    """Cut the positions begin, ..., end - 1 into pieces of image rows; return their number.

    Positions count through images of `rows` lines; of the `line` positions of each only the first `columns` are pixels.
    `image`, `row` and `column` are the distances of two neighbouring images, rows and pixels in memory. A piece is
    (its first pixel in memory, number of pixels, its first position less `begin`).
    """
    count = 0
    position = begin
    while position < end:
        lines, x = divmod(position, line)
        n, y = divmod(lines, rows)
        length = min(columns - x, end - position)
        if length > 0:
            pieces[count, 0] = n * image + y * row + x * column
            pieces[count, 1] = length
            pieces[count, 2] = position - begin
            count += 1
        position += line - x
    return count


@inner
def plan_moves(pieces, cuts, stride, lanes, overhang, moves):
    """List the vectors that copy all pieces one after the other; return their number, negative if there is no such
    list.

    moves[i] = where a vector is read, and to which position it is written. With `overhang` the last vector of a piece
    may reach past its end: the next piece overwrites what it wrote. Without, it begins earlier and copies some pixels
    twice, for which the piece must be one vector long.
    """
    count = 0
    to = 0
    for i in range(cuts):
        begin, length = pieces[i, 0], pieces[i, 1]
        if length < lanes and not overhang:
            return -1
        for position in range(0, length, lanes):
            x = position if overhang else min(position, length - lanes)
            moves[count, 0] = begin + x * stride
            moves[count, 1] = to + x
            moves[count, 2] = min(length - x, lanes)
            count += 1
        to += length
    return count


@inner
def find_pixels(moves, number, begin, columns, rows, row, column, inside, masks):
    """Note for each filter element and move which lanes meet a pixel of the source; tell if some may meet its padding.

    Positions, of which `begin` is the one that is written first, count through images of `rows` rows of `columns`
    pixels; the first of each is step (row, column). inside[t] = the first step and the end, downwards and across, that
    meet the source with element t. Bit l of masks[t, i] belongs to lane l of move i.
    """
    taps = inside.shape[0]
    padding = False
    for t in range(taps):
        padding |= inside[t, 0] > row or inside[t, 1] < row + rows
        padding |= inside[t, 2] > column or inside[t, 3] < column + columns
    line, x = divmod(begin, columns)
    y = line % rows
    for i in range(number):
        lane, count = 0, moves[i, 2]
        for t in range(taps):
            masks[t, i] = 0 if padding else (1 << count) - 1
        while padding and lane < count:  # one row after the other
            length = min(columns - x, count - lane)
            h, w = row + y, column + x
            all_lanes = ((1 << length) - 1) << lane
            for t in range(taps):
                if inside[t, 0] <= h < inside[t, 1]:
                    bits = all_lanes
                    if w < inside[t, 2]:
                        bits &= -1 << (lane + min(inside[t, 2] - w, length))
                    if w + length > inside[t, 3]:
                        bits &= (1 << (lane + max(inside[t, 3] - w, 0))) - 1
                    masks[t, i] |= bits
            lane += length
            x += length
            if x == columns:
                x, y = 0, y + 1 if y + 1 < rows else 0
    return padding


@inner
def pack(X, start, lines, j, count, t, stride, moves, number, masks, padding, panel, pitch):
    """Write a stripe of pixels, 0 where there is padding, for each of `count` filter elements.

    panel[k pitch + x] = pixel x, shifted by lines[j + k]. The elements of a channel follow each other, from t on; their
    masks are those of `find_pixels`.

    A move is done for several rows of the panel before the next move is: a loop over the few moves of a row would begin
    anew so often that it took half as long again. But where each row is of another channel, it is read as it lies in
    memory.
    """
    lanes, taps = lanes_of(X), masks.shape[0]
    lowest = highest = moves[0, 0]
    for i in range(number):
        lowest, highest = min(lowest, moves[i, 0]), max(highest, moves[i, 0])
    lowest, highest = -start - lowest, X.size - start - highest - stride * lanes  # of a line: no vector may leave X
    k = 0
    while k < count:
        end = k
        while stride <= 4 and end < min(k + TOGETHER, count) and lowest <= lines[j + end] <= highest:
            end += 1
        if end == k:
            end += 1
            for i in range(number):
                for lane in range(moves[i, 2]):
                    exists, at = masks[t, i] >> lane & 1, start + lines[j + k] + moves[i, 0] + lane * stride
                    panel[k * pitch + moves[i, 1] + lane] = X[at] if exists else 0
        elif stride == 1 and not padding:
            for row in range(k, end):
                line, to = start + lines[j + row], row * pitch
                for i in range(number):
                    store(panel, to + moves[i, 1], load(X, line + moves[i, 0]))
        elif taps == 1:
            for row in range(k, end):
                line, to = start + lines[j + row], row * pitch
                for i in range(number):
                    pixels = _load(X, line + moves[i, 0], stride, moves[i, 2])
                    store(panel, to + moves[i, 1], keep(pixels, masks[0, i]) if padding else pixels)
        else:
            for i in range(number):
                at, to, some, tap = start + moves[i, 0], k * pitch + moves[i, 1], moves[i, 2], t
                for line in range(np.uint64(j + k), np.uint64(j + end)):  # unsigned: never counted from the end
                    store(panel, to, keep(_load(X, at + lines[line], stride, some), masks[tap, i]))
                    to += pitch
                    tap = tap + 1 if tap + 1 < taps else 0
        k, t = end, (t + end - k) % taps


@inner
def pack_transposed(source, start, lines, columns, pieces, cuts, moves, number, panel, pitch):
    """Write the same numbers with pixels and filter elements exchanged.

    panel[x pitch + j] = pixel x, shifted by lines[j], for j < columns, a multiple of the vector's length.
    """
    lanes = lanes_of(source)
    for i in range(number):
        for j in range(0, columns, lanes):
            transpose(source, start + moves[i, 0], lines, j, panel, moves[i, 1] * pitch + j, pitch)
    if number < 0:
        to = 0
        for i in range(cuts):
            for x in range(pieces[i, 1]):
                for j in range(columns):
                    panel[to + j] = source[start + pieces[i, 0] + x + lines[j]]
                to += pitch


@inner
def first_row(b, block, rows):
    """Return the first row of block b of a product. The last block may begin earlier: it computes some rows twice."""
    return max(min(b * block, rows - block), 0)


@inner
def pack_filters(F, start, rows, row, sources, places, A, distance, first, last):
    """Write the blocks of filters first, ..., last - 1 of one group in the order of the micro-kernel.

    A[(b - first) distance + places[k] + r] = F[start + (row_b + r) row + sources[k]] where row_b is the first row of
    block b. In a group of fewer than ROWS rows, the block repeats the last one.
    """
    for k in range(0, sources.size, STRETCH):
        for b in range(first, last):
            begin, to = start + first_row(b, ROWS, rows) * row, (b - first) * distance
            for i in range(k, min(k + STRETCH, sources.size)):
                source, place = begin + sources[i], to + places[i]
                if rows >= ROWS:
                    pack_column(F, source, row, A, place)
                else:
                    for r in range(ROWS):
                        A[place + r] = F[source + min(r, rows - 1) * row]


@inner
def unpack(C, c, pitch, rows, skip, pieces, cuts, stride, O, start, plane):
    """Write rows of results to their pixels, O[start + r plane + piece + x stride], but those at the first `skip`
    positions.

    Up to one vector past the last position of C is read, and not used. A piece is written for all rows before the next
    one is: pieces may be short, and what is asked about a piece would take as long as writing it.
    """
    lanes = lanes_of(C)
    for i in range(cuts):
        done = min(max(skip - pieces[i, 2], 0), pieces[i, 1])
        to, length, from_ = start + pieces[i, 0] + done * stride, pieces[i, 1] - done, c + pieces[i, 2] + done
        for r in range(rows):
            if stride == 1:
                place, result = to + r * plane, from_ + r * pitch
                for x in range(0, length - lanes + 1, lanes):
                    store(O, place + x, load(C, result + x))
                if (
                    length >= lanes
                ):  # the last vector may begin earlier: to write a part of one takes long without AVX-512
                    store(O, place + length - lanes, load(C, result + length - lanes))
                else:
                    store_first(O, place, load(C, result), length)
            else:
                # what cannot be negative is not tested for it
                place, result = np.uint64(to + r * plane), np.uint64(from_ + r * pitch)
                for x in range(np.uint64(length)):
                    O[place] = C[result + x]
                    place += np.uint64(stride)
