"""Products whose results go straight to where they belong: whole vectors of output rows, read from a padded copy.

Large pictures with few channels, the first layer of a network above all, have few products for each output. Then it
counts what else is done with an output: computed among the numbers between two rows of the copy, it would be written
twice, first to a block of results and from there to its place. Here a tile of the micro-kernel is any three vectors
of the output, each with its own place in the copy and in O, and no vector reaches past its row: the last one of a row
begins earlier, and computes some outputs twice.

Without AVX-512 a tile is half as wide, and the numbers that it reads stay in the nearest cache even if they are many:
then more channels are worth it.
"""

import numpy as np

from lectcode.kernels.block import VECTORS, multiply_add_3
from lectcode.kernels.compiled import entry, inner
from lectcode.kernels.correlation import Sizes
from lectcode.kernels.panels import first_row, pad_image
from lectcode.kernels.simd import lanes_of


@inner
def _list_vectors(first, count, rows, columns, lanes, line, row, sources, targets):
    """Note where vectors of an image are read, if a row of the copy has `line` numbers, and written; return the next.

    A vector is (row, first column). After the last one of the image the list is filled up with that one.
    """
    y, x = first
    for v in range(count):
        begin = min(x, columns - lanes)
        sources[v], targets[v] = y * line + begin, y * row + begin
        x += lanes
        if x >= columns:
            if y + 1 == rows:
                x -= lanes
            else:
                x, y = 0, y + 1
    return y, x


@entry
def correlate(X, F, bias, numbers, parts, lines, columns, inside, order, O, workspace, first, last):
    """Run tasks of a plan of `lectcode.kernels.correlation`, as `gemm._correlate` does, row by row."""
    lanes, sizes = lanes_of(X), Sizes(*numbers)
    blocks = -(-sizes.rows // sizes.block)
    F_row, _, F_group = sizes.filters
    across, K = parts[0, 3], lines.size
    stripe = sizes.stripe // lanes
    sources, targets = np.empty(stripe, np.int64), np.empty(stripe, np.int64)
    for task in range(first, last):
        rest, band = divmod(task, sizes.bands)
        rest, n = divmod(rest, sizes.N)
        split, group = divmod(rest, sizes.groups)
        i = band * sizes.band
        rows = min(sizes.band, sizes.steps - i)
        vectors = rows * -(-across // lanes)
        begin, end = blocks * split // sizes.splits, blocks * (split + 1) // sizes.splits
        pad_image(X, sizes, n, group, i, workspace)
        place = 0, 0
        for v in range(0, vectors, stripe):
            count = min(stripe, -(-(vectors - v) // VECTORS) * VECTORS)
            place = _list_vectors(place, count, rows, across, lanes, sizes.line, sizes.O_row, sources, targets)
            for number in range(begin, end):
                r = first_row(number, sizes.block, sizes.rows)
                a, d = group * F_group + r * F_row, group * sizes.rows + r
                to = (n * sizes.groups * sizes.rows + d) * sizes.O_plane + i * sizes.O_row
                for w in range(0, count, VECTORS):
                    b = sources[w], sources[w + 1], sources[w + 2]
                    c = to + targets[w], to + targets[w + 1], to + targets[w + 2]
                    # Filters as they lie in memory need no table. One would take a register more than there are, and
                    # LLVM would write sums to the stack in each step, which takes up to half as long again.
                    multiply_add_3(K, F, a, F_row, None, 0, workspace, b, lines, 0, O, c, sizes.O_plane, bias, d, False)
