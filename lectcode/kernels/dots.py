"""The gradient of few filters of few channels and one element: dot products of two planes, along their pixels.

    dF[c_out, c_in] = sum_{n, x} G[n, c_out, x] I[n, c_in, x]

Two filters meet two channels at once, so that each vector that is read is used twice.
"""

import numpy as np

from lectcode.kernels.compiled import entry
from lectcode.kernels.simd import lanes_of, load, store

AT_ONCE = 4096  # pixels: they stay near while all filters meet them


@entry
def grad_filters(G, X, sizes, dF, first, last):
    """Run the tasks first, ..., last - 1: the filters of one group, of one element, with two channels.

    If there is no second filter or channel, the first is taken twice.
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
            for begin in range(0, pixels, AT_ONCE):
                stop = min(begin + AT_ONCE, pixels)
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
