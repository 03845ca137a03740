"""Moving numbers into the order in which the micro-kernel reads them.

The micro-kernel wants, for each k, vectors of neighbouring pixels. In a convolution these stand in rows of the padded
input, shifted by the position of the filter's element; a stride would tear them apart. So the input is copied once, padded,
its rows and columns sorted by row mod S and column mod S ("phases"): then the pixels that one filter element meets at
neighbouring outputs are neighbours again, whatever the stride. From there they are copied to a panel that stays in the
nearest cache.
"""

from numba import njit

from lectcode.kernels.simd import BYTES, load, store, transpose


@njit(nogil=True, cache=True)
def pad_plane(X, start, size, corner, stride, phases, extent, padded, position):
    """Copy one plane, padded with zeros and sorted by phase.

    Phase (f, g) is an image of `extent` pixels, the phases follow each other, and
    phase[f, g][i, j] = X_plane[corner[0] + i stride[0] + f, corner[1] + j stride[1] + g], or 0 where X has no such pixel.
    """
    (H, W), (S_h, S_w), (height, width) = size, stride, extent
    for f in range(phases[0]):
        for g in range(phases[1]):
            x_0 = corner[1] + g
            begin = min(max(-(x_0 // S_w), 0), width)  # columns j with 0 <= x_0 + j S_w < W
            end = min(max(-((x_0 - W) // S_w), begin), width)
            for i in range(height):
                out = padded[position : position + width]
                position += width
                y = corner[0] + i * S_h + f
                if y < 0 or y >= H or begin == end:
                    for j in range(width):
                        out[j] = 0
                    continue
                for j in range(begin):
                    out[j] = 0
                row = X[start + y * W + x_0 + begin * S_w : start + (y + 1) * W]
                inner = out[begin:end]
                if S_w == 1:
                    for j in range(end - begin):
                        inner[j] = row[j]
                elif S_w == 2:  # a constant the compiler turns into shuffles
                    for j in range(end - begin):
                        inner[j] = row[j * 2]
                else:
                    for j in range(end - begin):
                        inner[j] = row[j * S_w]
                for j in range(end, width):
                    out[j] = 0


@njit(nogil=True, cache=True)
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


@njit(nogil=True, cache=True)
def pack(source, start, offsets, first, count, pieces, cuts, overhang, panel, pitch):
    """Write the pixels of all pieces one after the other, for each of `count` filter elements.

    panel[k pitch + x] = pixel x, shifted by offsets[first + k]. With `overhang` the last vector of a piece may read and write
    past its end: the next piece, or the next k, overwrites what it wrote.
    """
    lanes = BYTES // source.itemsize
    for k in range(count):
        line, to = start + offsets[first + k], k * pitch
        for i in range(cuts):
            begin, length = line + pieces[i, 0], pieces[i, 1]
            x = 0
            while x + lanes <= length:
                store(panel, to + x, load(source, begin + x))
                x += lanes
            if x < length:
                if overhang:
                    store(panel, to + x, load(source, begin + x))
                elif x > 0:  # the last vector begins earlier: it copies some pixels twice
                    store(panel, to + length - lanes, load(source, begin + length - lanes))
                else:
                    for j in range(length):
                        panel[to + j] = source[begin + j]
            to += length


@njit(nogil=True, cache=True)
def pack_transposed(source, start, offsets, first, columns, pieces, cuts, overhang, panel, pitch):
    """Write the same numbers with pixels and filter elements exchanged.

    panel[x pitch + j] = pixel x, shifted by offsets[first + j], for j < columns, a multiple of the vector's length.
    """
    lanes = BYTES // source.itemsize
    to = 0
    for i in range(cuts):
        begin, length = start + pieces[i, 0], pieces[i, 1]
        if length < lanes and not overhang:
            for x in range(length):
                for j in range(columns):
                    panel[to + x * pitch + j] = source[begin + x + offsets[first + j]]
            to += length * pitch
            continue
        for position in range(0, length, lanes):
            x = position if overhang else min(position, length - lanes)
            for j in range(0, columns, lanes):
                transpose(source, begin + x, offsets, first + j, panel, to + x * pitch + j, pitch)
        to += length * pitch


@njit(nogil=True, cache=True)
def pack_filters(F, rows, channels, row, column, group, taps, block, A, first, last):
    """Write filters in the order of the micro-kernel, for the blocks first, ..., last - 1 of all groups.

    A[((b channels + c) T + t) block + r] = F[g group + (b block + r) row + c column + taps[t]] where T = len(taps) and b
    counts the blocks of all groups; rows that a group does not have are zero.
    """
    blocks = (rows + block - 1) // block
    for task in range(first, last):
        g, b = divmod(task, blocks)
        count = min(block, rows - b * block)
        position = task * channels * taps.size * block
        for c in range(channels):
            for t in range(taps.size):
                begin = g * group + b * block * row + c * column + taps[t]
                for r in range(count):
                    A[position + r] = F[begin + r * row]
                for r in range(count, block):
                    A[position + r] = 0
                position += block


@njit(nogil=True, cache=True)
def unpack(C, c, skip, pieces, cuts, stride, O, start):
    """Write one row of results to its pixels, O[start + piece + x stride], but those at the first `skip` positions."""
    for i in range(cuts):
        done = min(max(skip - pieces[i, 2], 0), pieces[i, 1])
        begin, length = start + pieces[i, 0] + done * stride, pieces[i, 1] - done
        from_ = c + pieces[i, 2] + done
        row = C[from_ : from_ + length]
        if stride == 1:
            out = O[begin : begin + length]
            for x in range(length):
                out[x] = row[x]
        else:
            for x in range(length):
                O[begin + x * stride] = row[x]
