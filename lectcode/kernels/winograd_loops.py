"""The compiled loops of Winograd's convolution: transform filters and windows, multiply, transform back.

In all transforms a vector holds the same pixel of neighbouring channels, or of neighbouring filters: so no lane
depends on the shape of an image, and pixels are neighbours of pixels as they are in the image. Images and filters are
stored the other way round, one channel after the other; squares of them, one vector high and wide, are transposed in
registers, on the way in and on the way out.

The size of the filters decides what is compiled: `five` is None for 3 x 3 and a number for 5 x 5, and Numba leaves out
what follows an `if` that the type of an argument decides. Each is compiled when it is first needed.

What runs for each tile is inlined: to pass arrays to a function takes as long as a transform.
"""

import numpy as np

from lectcode.kernels.block import block, round_up
from lectcode.kernels.compiled import entry, inlined, inner
from lectcode.kernels.simd import lanes_of, load, splat, store, store_first, transpose
from lectcode.kernels.winograd_transforms import (
    FILTER,
    INPUT,
    OUTPUT,
    filter_transform_3,
    filter_transform_5,
    input_transform,
    output_transform_3,
    output_transform_5,
)

WINDOW = 6  # inputs of a tile along one axis
POSITIONS = WINDOW * WINDOW
DEPTH = 256  # channels that are multiplied at once: their part of U, transformed just before, is in a near cache
BLOCK = 8  # tiles that the micro-kernel multiplies with one vector of filters: so many sums hide how long each takes
HALF = 4  # or, where no more are left, half a block
PIECE = 16  # tiles that are transformed back side by side: their outputs stay in the nearest cache
OF_OUTPUT = len(INPUT)  # where the numbers of A stand among the constants
ZEROS = OF_OUTPUT + len(OUTPUT)  # the zeros
NUMBERS = ZEROS + BLOCK  # and behind them, the numbers of G
STEPS, LINES, PIXELS, CHANNELS = 0, DEPTH, 2 * DEPTH, 2 * DEPTH  # parts of `places_of`, the last after one vector

multiply_add, multiply_add_half = block(BLOCK, 1), block(HALF, 1)


def constants_of(dtype, K):
    """Return the numbers of the transforms and some zeros."""
    numbers = np.array([float(number) for number in INPUT + OUTPUT + (0,) * BLOCK + FILTER[K]], dtype)
    numbers.flags.writeable = False
    return numbers


def places_of(sizes, lanes):
    """Return where things stand: step k of a product in V and in U, and then what the lanes of a vector hold.

    That is a filter of a pixel, for each pixel; a pixel of a channel, for each channel; a number of a filter, for each
    filter. Lanes without a channel or a filter of their own take those of the last.
    """

    def lanewise(count, step):
        return np.minimum(np.arange(round_up(count, lanes)), count - 1) * step

    steps = np.arange(DEPTH)
    pixels = np.arange(lanes) * lanes
    channels = lanewise(sizes.channels, sizes.size[0] * sizes.size[1])
    filters = lanewise(sizes.rows, sizes.K**2 * (1 if sizes.turned else sizes.channels))
    places = np.concatenate([steps, steps * lanes, pixels, channels, filters])
    places.flags.writeable = False
    return places


@entry
def transform_filters(F, five, sizes, places, constants, U, workspace, first, last):
    """Transform the vectors of filters first, ..., last - 1."""
    part = POSITIONS * sizes.U_pitch
    for q in range(first, last):
        for c in range(0, sizes.channels, DEPTH):
            u = (q * sizes.parts + c // DEPTH) * part
            _transform_filters(F, q, c, five, sizes, places, constants, workspace, U[u:])


@entry
def transform_blocks(X, sizes, places, constants, V, workspace, first, last):
    """Transform the windows of the blocks of tiles first, ..., last - 1."""
    begin, end = first * BLOCK, min(last * BLOCK, sizes.total)
    _transform_windows(X, sizes, places, constants, V, workspace, 0, begin, end)


@entry
def compute(X, F, five, given, bias, sizes, places, constants, O, flags, workspace, first, last):
    """Compute the tasks first, ..., last - 1: some tiles for all filters, or vectors of filters for all tiles."""
    channels, part, all_V = sizes.channels, POSITIONS * sizes.U_pitch, POSITIONS * sizes.V_pitch
    vectors = (sizes.rows + lanes_of(X) - 1) // lanes_of(X)
    if not sizes.common:
        own = vectors * sizes.parts * part if sizes.filters_first else all_V
        given, workspace = workspace[:own], workspace[own:]
    own, results = all_V if sizes.filters_first else sizes.at_once * part, POSITIONS * sizes.M_pitch
    computed, workspace = workspace[:own], workspace[own:]
    M, rest = workspace[: sizes.at_once * results], workspace[sizes.at_once * results :]
    U, V = (given, computed) if sizes.filters_first else (computed, given)
    if not sizes.common and sizes.filters_first:
        for q in range(vectors):  # as transform_filters does; a call would compile up to 0.7 s longer
            for c in range(0, channels, DEPTH):
                u = (q * sizes.parts + c // DEPTH) * part
                _transform_filters(F, q, c, five, sizes, places, constants, rest, U[u:])
    elif not sizes.common:
        _transform_windows(X, sizes, places, constants, V, rest, 0, 0, sizes.total)
    for task in range(first, last):
        first_vector, last_vector = task * sizes.at_once, min((task + 1) * sizes.at_once, vectors)
        first_tile, last_tile = 0, sizes.total
        if sizes.filters_first:
            first_vector, last_vector = 0, vectors
            first_tile, last_tile = task * sizes.tiles, min((task + 1) * sizes.tiles, sizes.total)
            _transform_windows(X, sizes, places, constants, V, rest, first_tile, first_tile, last_tile)
        for q in range(first_vector, last_vector, sizes.at_once):
            some = min(sizes.at_once, last_vector - q)
            for c in range(0, channels, DEPTH):
                u = (q * sizes.parts + c // DEPTH) * part if sizes.filters_first else 0
                if not sizes.filters_first:
                    for i in range(some):
                        _transform_filters(F, q + i, c, five, sizes, places, constants, rest, U[i * part :])
                _multiply(U[u:], some, V, c, last_tile - first_tile, sizes, places, constants, M)
            for i in range(some):
                m = M[i * results :]
                _transform_back(m, q + i, five, sizes, places, bias, constants, rest, first_tile, last_tile, O, flags)


@inner
def _five(numbers, first):
    return (
        splat(numbers[first]),
        splat(numbers[first + 1]),
        splat(numbers[first + 2]),
        splat(numbers[first + 3]),
        splat(numbers[first + 4]),
    )


@inner
def _six(numbers, first):
    return (*_five(numbers, first), splat(numbers[first + 5]))


@inner
def _load_five(array, index, distance):
    return (
        load(array, index),
        load(array, index + distance),
        load(array, index + 2 * distance),
        load(array, index + 3 * distance),
        load(array, index + 4 * distance),
    )


@inner
def _load_six(array, index, distance):
    return (*_load_five(array, index, distance), load(array, index + 5 * distance))


@inner
def _store_six(array, index, distance, vectors):
    store(array, index, vectors[0])
    store(array, index + distance, vectors[1])
    store(array, index + 2 * distance, vectors[2])
    store(array, index + 3 * distance, vectors[3])
    store(array, index + 4 * distance, vectors[4])
    store(array, index + 5 * distance, vectors[5])


@inlined
def _gather_taps(F, start, places, first, number, taps):
    """Write the numbers of a vector of filters, taps[lanes + t][filter]; filter i begins at start + places[first + i].

    What is read past the last number of a filter is written and never used; but nothing is read past the end of F.
    """
    lanes = lanes_of(F)
    end = F.size - start - places[first + lanes - 1] - lanes
    for x in range(0, number, lanes):
        t = min(x, end)
        if start + places[first] + t >= 0:
            transpose(F, start + t, places, first, taps, (lanes + t) * lanes, lanes)
        else:  # F has fewer numbers than a vector has lanes, or little more
            for i in range(lanes):
                for tap in range(number):
                    taps[(lanes + tap) * lanes + i] = F[start + places[first + i] + tap]


@inlined
def _filters_3(taps, at, step, constants, U, to, pitch):
    """Write G F G^T of a vector of filters of 3 x 3."""
    k = _six(constants, NUMBERS), splat(constants[NUMBERS + 6])
    down = 3 * step
    u_0 = filter_transform_3((load(taps, at), load(taps, at + down), load(taps, at + 2 * down)), k)
    at += step
    u_1 = filter_transform_3((load(taps, at), load(taps, at + down), load(taps, at + 2 * down)), k)
    at += step
    u_2 = filter_transform_3((load(taps, at), load(taps, at + down), load(taps, at + 2 * down)), k)
    for i in range(WINDOW):
        _store_six(U, to + WINDOW * i * pitch, pitch, filter_transform_3((u_0[i], u_1[i], u_2[i]), k))


@inlined
def _filters_5(taps, at, step, constants, U, to, pitch):
    """Write G F G^T of a vector of filters of 5 x 5."""
    k = splat(constants[NUMBERS]), _five(constants, NUMBERS + 1), _five(constants, NUMBERS + 6)
    down = 5 * step
    u_0 = filter_transform_5(_load_five(taps, at, down), k)
    u_1 = filter_transform_5(_load_five(taps, at + step, down), k)
    u_2 = filter_transform_5(_load_five(taps, at + 2 * step, down), k)
    u_3 = filter_transform_5(_load_five(taps, at + 3 * step, down), k)
    u_4 = filter_transform_5(_load_five(taps, at + 4 * step, down), k)
    for i in range(WINDOW):
        u = filter_transform_5((u_0[i], u_1[i], u_2[i], u_3[i], u_4[i]), k)
        _store_six(U, to + WINDOW * i * pitch, pitch, u)


@inner
def _transform_filters(F, q, begin, five, sizes, places, constants, taps, U):
    """Write G F G^T of vector q of filters, U[position][channel][filter], for the channels from `begin` on.

    Lanes without a filter copy the last.
    """
    lanes, number = lanes_of(F), sizes.K * sizes.K
    step = -lanes if sizes.turned else lanes
    at = (lanes + number - 1) * lanes if sizes.turned else lanes * lanes
    filters = CHANNELS + lanes + sizes.wide + q * lanes
    for c in range(begin, min(begin + DEPTH, sizes.channels)):
        _gather_taps(F, c * sizes.F_channel, places, filters, number, taps)
        if five is None:
            _filters_3(taps, at, step, constants, U, (c - begin) * lanes, sizes.U_pitch)
        else:
            _filters_5(taps, at, step, constants, U, (c - begin) * lanes, sizes.U_pitch)


@inlined
def _load_row(X, start, places, channels, size, corner, row, first, last, ring, slot):
    """Write the pixels first, ..., last - 1 of a row of the padded source, ring[slot:][pixel][channel].

    `start` is where the image begins; the channels are those of places[channels:]. What is written past `last` is
    overwritten or never used.
    """
    lanes = lanes_of(X)
    (H, W), (y, x) = size, corner
    begin, end = max(first, -x), min(last, W - x)  # what is not padding
    if not 0 <= y + row < H or begin >= end:
        begin = end = last
    zero = splat(X.dtype.type(0))
    for j in range(first, begin):
        store(ring, slot + j * lanes, zero)
    start += (y + row) * W + x
    for j in range(begin, end, lanes):
        if start + j + places[channels + lanes - 1] + lanes <= X.size:
            transpose(X, start + j, places, channels, ring, slot + j * lanes, lanes)
        else:  # the end of X, past which nothing is read
            for i in range(lanes):
                for pixel in range(j, min(j + lanes, end)):
                    ring[slot + pixel * lanes + i] = X[start + pixel + places[channels + i]]
    for j in range(end, last):
        store(ring, slot + j * lanes, zero)


@inner
def _place(sizes, c):
    """Return where channel c of the first tile stands in a position of V, and the distance to the next tile.

    The channels that are multiplied at once are neighbours: V is read in the order in which it lies in memory.
    """
    part = c // DEPTH * DEPTH
    return part * sizes.whole + c - part, min(DEPTH, sizes.wide - part)


@inner
def _transform_windows(X, sizes, places, constants, V, workspace, origin, first, last):
    """Write B window B^T of the tiles first, ..., last - 1, V[position][part][tile - origin][channel of the part].

    A ring holds the last six rows of the padded source, of which the next row of tiles needs some again.
    """
    lanes = lanes_of(X)
    side, columns, pitch = sizes.tile, sizes.grid[1], sizes.V_pitch
    image = sizes.groups * sizes.channels * sizes.size[0] * sizes.size[1]
    slot = sizes.width * lanes
    ring, lines = workspace[: WINDOW * slot], workspace[WINDOW * slot :]
    k = _six(constants, 0)
    for c in range(0, sizes.channels, lanes):
        # The ring has pixels begin, ..., end - 1 of the rows before `ready`. All rows of tiles but the last end where
        # the image does.
        before, ready, begin, end = -1, 0, 0, 0
        place, distance = _place(sizes, c)
        tile = first
        while tile < last:
            line, j = divmod(tile, columns)
            n, i = divmod(line, sizes.grid[0])
            tiles, y = min(columns - j, last - tile), side * i
            x, stop = side * j, side * (j + tiles - 1) + WINDOW
            if n != before or x < begin:
                before, ready, begin, end = n, y, x, stop
            for row in range(ready, y + WINDOW):
                to = row % WINDOW * slot
                channels = CHANNELS + lanes + c
                _load_row(X, n * image, places, channels, sizes.size, sizes.corner, row, begin, end, ring, to)
            ready = y + WINDOW
            row_0, row_1, row_2 = y % WINDOW * slot, (y + 1) % WINDOW * slot, (y + 2) % WINDOW * slot
            row_3, row_4, row_5 = (y + 3) % WINDOW * slot, (y + 4) % WINDOW * slot, (y + 5) % WINDOW * slot
            done = 0
            for t in range(tiles):
                for column in range(done, side * t + WINDOW):
                    at = (x + column) * lanes
                    d = (
                        load(ring, row_0 + at),
                        load(ring, row_1 + at),
                        load(ring, row_2 + at),
                        load(ring, row_3 + at),
                        load(ring, row_4 + at),
                        load(ring, row_5 + at),
                    )
                    _store_six(lines, column * WINDOW * lanes, lanes, input_transform(d, k))
                done = side * t + WINDOW
                to = place + (tile - origin + t) * distance
                for i in range(WINDOW):
                    d = _load_six(lines, (side * t * WINDOW + i) * lanes, WINDOW * lanes)
                    _store_six(V, to + WINDOW * i * pitch, pitch, input_transform(d, k))
            tile += tiles
    # What fills the last block of the micro-kernel, or half of it.
    zero = splat(X.dtype.type(0))
    for tile in range(last - origin, (last - origin + HALF - 1) // HALF * HALF):
        for position in range(POSITIONS):
            for c in range(0, sizes.channels, lanes):
                place, distance = _place(sizes, c)
                store(V, position * pitch + place + tile * distance, zero)


@inner
def _multiply(U, vectors, V, c, tiles, sizes, places, zeros, M):
    """Write, or add, the 36 products of some vectors of filters with some tiles, M[vector][position][tile][filter].

    The channels are those from c on, the first in U.
    """
    lanes, K, add = lanes_of(U), min(DEPTH, sizes.channels - c), c > 0
    place, row = _place(sizes, c)
    for position in range(POSITIONS):
        for i in range(vectors):
            u = (i * POSITIONS + position) * sizes.U_pitch
            for t in range(0, tiles, BLOCK):
                v = position * sizes.V_pitch + place + t * row
                m = (i * POSITIONS + position) * sizes.M_pitch + t * lanes
                if tiles - t > HALF:
                    multiply_add(K, V, v, row, places, STEPS, U, u, places, LINES, M, m, lanes, zeros, ZEROS, add)
                else:
                    multiply_add_half(K, V, v, row, places, STEPS, U, u, places, LINES, M, m, lanes, zeros, ZEROS, add)


@inlined
def _back_3(M, at, pitch, lines, block, to, line, b, k, check):
    """Write A M A^T + b of a tile of 4 x 4 to four lines of a block; return check, or NaN where it is not finite."""
    lanes = lanes_of(M)
    for j in range(WINDOW):
        y = output_transform_3(_load_six(M, at + j * pitch, WINDOW * pitch), k)
        store(lines, j * lanes, y[0])
        store(lines, (WINDOW + j) * lanes, y[1])
        store(lines, (2 * WINDOW + j) * lanes, y[2])
        store(lines, (3 * WINDOW + j) * lanes, y[3])
    for i in range(4):
        y = output_transform_3(_load_six(lines, WINDOW * i * lanes, lanes), k)
        total = (y[0] + y[1]) + (y[2] + y[3])
        check = check + (total - total)
        store(block, to, y[0] + b)
        store(block, to + lanes, y[1] + b)
        store(block, to + 2 * lanes, y[2] + b)
        store(block, to + 3 * lanes, y[3] + b)
        to += line
    return check


@inlined
def _back_5(M, at, pitch, lines, block, to, line, b, k, check):
    """Write A M A^T + b of a tile of 2 x 2 to two lines of a block; return check, or NaN where it is not finite."""
    lanes = lanes_of(M)
    for j in range(WINDOW):
        y = output_transform_5(_load_six(M, at + j * pitch, WINDOW * pitch), k)
        store(lines, j * lanes, y[0])
        store(lines, (WINDOW + j) * lanes, y[1])
    for i in range(2):
        y = output_transform_5(_load_six(lines, WINDOW * i * lanes, lanes), k)
        total = y[0] + y[1]
        check = check + (total - total)
        store(block, to, y[0] + b)
        store(block, to + lanes, y[1] + b)
        to += line
    return check


@inner
def _transform_back(M, q, five, sizes, places, bias, constants, workspace, first, last, O, flags):
    """Write A M A^T plus bias of the tiles first, ..., last - 1 to the outputs of vector q of filters.

    Flag the images where it is not finite.
    """
    lanes = lanes_of(M)
    pitch, side, columns = sizes.M_pitch, sizes.tile, sizes.grid[1]
    height, width = sizes.result
    line, room = (side * PIECE + lanes) * lanes, side * WINDOW * lanes
    lines, square, block = workspace[:room], workspace[room : room + lanes * lanes], workspace[room + lanes * lanes :]
    k = _six(constants, OF_OUTPUT)
    b = load(bias, q * lanes)
    filters = min(lanes, sizes.rows - q * lanes)
    tile = first
    while tile < last:
        row, j = divmod(tile, columns)
        n, i = divmod(row, sizes.grid[0])
        tiles = min(columns - j, last - tile, PIECE)
        check = splat(M.dtype.type(0))
        for t in range(tiles):
            at = (tile - first + t) * lanes
            if five is None:
                check = _back_3(M, at, pitch, lines, block, 4 * t * lanes, line, b, k, check)
            else:
                check = _back_5(M, at, pitch, lines, block, 2 * t * lanes, line, b, k, check)
        store(square, 0, check)
        for lane in range(lanes):
            if square[lane] != 0:
                flags[n] = 1
        h, w = side * i, side * j
        length = min(side * tiles, width - w)
        for y in range(min(side, height - h)):
            to = ((n * sizes.groups * sizes.rows + q * lanes) * height + h + y) * width + w
            for u in range(0, length, lanes):
                x = max(min(u, length - lanes), 0)  # the last vector may begin earlier
                transpose(block, y * line + x * lanes, places, PIXELS, square, 0, lanes)
                for f in range(filters):
                    pixel, results = to + f * height * width + x, load(square, f * lanes)
                    if length >= lanes:
                        store(O, pixel, results)
                    else:  # takes long without AVX-512
                        store_first(O, pixel, results, length)
        tile += tiles
