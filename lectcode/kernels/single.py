"""The one pixel that is left when a map fills its tiles, such as those of 7 x 7: a dot product for each filter.

    C[r] (+)= D[r] + sum_k F[r, k] x[k]

A tile with one pixel would take a third of the time of a full one. But filters of one pixel have their channels side by
side, so that vectors are read along them.
"""

import numpy as np

from lectcode.kernels.compiled import inner
from lectcode.kernels.simd import lanes_of, load, splat, total_of

AT_ONCE = 4  # filters; the rows of a block are a multiple of it


@inner
def gather(X, start, lines, j, count, x):
    """Write the pixel's channels side by side: x[k] = X[start + lines[j + k]]."""
    for k in range(np.uint64(count)):  # unsigned: never counted from the end
        x[k] = X[np.uint64(start + lines[np.uint64(j) + k])]


@inner
def add_dots(K, F, f, row, x, rows, C, c, pitch, D, d, add):
    """Add the dot products of `rows` filters with the pixel, of K numbers each, to C, or write them."""
    lanes = lanes_of(F)
    whole = K // lanes * lanes
    for r in range(0, rows, AT_ONCE):
        f_0 = f + r * row
        f_1, f_2, f_3 = f_0 + row, f_0 + 2 * row, f_0 + 3 * row
        sum_0 = sum_1 = sum_2 = sum_3 = splat(F.dtype.type(0))
        for k in range(0, whole, lanes):
            x_k = load(x, k)
            sum_0, sum_1 = sum_0 + load(F, f_0 + k) * x_k, sum_1 + load(F, f_1 + k) * x_k
            sum_2, sum_3 = sum_2 + load(F, f_2 + k) * x_k, sum_3 + load(F, f_3 + k) * x_k
        for i, total in enumerate((total_of(sum_0), total_of(sum_1), total_of(sum_2), total_of(sum_3))):
            for k in range(whole, K):
                total += F[f_0 + i * row + k] * x[k]
            place = c + (r + i) * pitch
            C[place] = D[d + r + i] + total + (C[place] if add else 0)
