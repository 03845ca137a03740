"""Convolutions with few filters of one pixel, and their gradients: every number is read once, in the order of memory.

    O[r, x] = D[r] + sum over channels c of F[r, c] X[c, x]        dF[r, c] = sum over pixels x of G[r, x] X[c, x]

With a handful of filters there is little to multiply, so reading X is what takes time. A task works on TILE pixels:
CHANNELS channels at once are read along them and added to the results, which stay in the nearest cache. The product of
`lectcode.kernels.gemm` would read a few pixels of all channels, from as many places as there are channels.
"""

import numpy as np

from lectcode.kernels.compiled import entry
from lectcode.kernels.correlation import no_bias
from lectcode.kernels.simd import lanes, lanes_of, load, splat, store
from lectcode.kernels.threads import share

TILE = 2048  # pixels, at least, of planes that are longer
CHANNELS = 4
FEW = 8  # rows
TASKS = 4  # of the gradient of the filters, at most
READ = 8  # to read a number of X takes as long as so many multiply-adds


def applies(geometry, rows, dtype):
    """Tell whether each pixel of the result meets one of the source, they fill vectors, and rows are few."""
    (H, W), one = geometry.input_size, geometry.kernel_size == geometry.stride == (1, 1)
    same = geometry.input_size == geometry.output_size and geometry.before == (0, 0)
    return one and same and lanes(dtype) <= H * W and rows < FEW


def forward(I, F, B, geometry, O):
    """Write the convolution of I with F, plus B, into O."""
    C_out, channels = F.shape[:2]
    _run(I, F, B, C_out // geometry.groups, channels, channels, 1, O)


def grad_input(G, F, geometry, dI):
    """Write the gradient of the input into dI; `gemm` takes care of an F that is not finite."""
    C_out, rows = F.shape[:2]
    _run(G, F, no_bias(dI.shape[1], G.dtype), rows, C_out // geometry.groups, 1, rows, dI)


def _run(X, F, D, rows, channels, row, column, O):
    pixels = X.shape[2] * X.shape[3]
    tiles = max(pixels // TILE, 1)
    tasks, work = X.size // (channels * pixels) * tiles, X.size * (rows + READ)
    share(_correlate, tasks, work, X.ravel(), F.ravel(), D, rows, channels, row, column, pixels, tiles, O.ravel())


@entry
def _correlate(X, F, D, rows, channels, row, column, pixels, tiles, O, first, last):
    """Run the tasks first, ..., last - 1: some pixels of all rows of one group."""
    L = lanes_of(X)
    groups = D.size // rows
    for task in range(first, last):
        plane, tile = divmod(task, tiles)
        group = plane % groups
        begin, end = pixels * tile // tiles, pixels * (tile + 1) // tiles
        x, o, f = plane * channels * pixels, plane * rows * pixels, group * rows * channels
        whole = begin + (end - begin) // L * L
        for c in range(0, channels, CHANNELS):
            for r in range(rows):
                a, start = f + r * row, o + r * pixels
                bias = splat(D[group * rows + r])
                if c + CHANNELS <= channels:
                    f_0, f_1 = splat(F[a + c * column]), splat(F[a + (c + 1) * column])
                    f_2, f_3 = splat(F[a + (c + 2) * column]), splat(F[a + (c + 3) * column])
                    at = x + c * pixels
                    for p in range(begin, whole, L):
                        total = bias if c == 0 else load(O, start + p)
                        total = total + f_0 * load(X, at + p)
                        total = total + f_1 * load(X, at + pixels + p)
                        total = total + f_2 * load(X, at + 2 * pixels + p)
                        total = total + f_3 * load(X, at + 3 * pixels + p)
                        store(O, start + p, total)
                else:
                    for p in range(begin, whole, L):
                        total = bias if c == 0 else load(O, start + p)
                        for k in range(c, channels):
                            total = total + splat(F[a + k * column]) * load(X, x + k * pixels + p)
                        store(O, start + p, total)
        for r in range(rows if whole < end else 0):  # the last pixels, with some before them once more
            a, start, p = f + r * row, o + r * pixels, end - L
            total = splat(D[group * rows + r])
            for c in range(channels):
                total = total + splat(F[a + c * column]) * load(X, x + c * pixels + p)
            store(O, start + p, total)


def grad_filters(G, I, geometry, dF):
    """Write the gradient of the filters into dF."""
    N, pixels = I.shape[0], I.shape[2] * I.shape[3]
    rows, channels = dF.shape[0] // geometry.groups, dF.shape[1]
    units = N * max(pixels // TILE, 1)
    shares = min(units, TASKS)
    partial = dF if shares == 1 else np.empty((shares, *dF.shape), dF.dtype)
    tasks, work = geometry.groups * shares, I.size * (rows + READ)
    arguments = G.ravel(), I.ravel(), geometry.groups, rows, channels, pixels, units // N, shares, units
    share(_grad_filters, tasks, work, *arguments, partial.ravel())
    if shares > 1:
        with np.errstate(all="ignore"):
            np.sum(partial, axis=0, out=dF)


@entry
def _grad_filters(G, X, groups, rows, channels, pixels, tiles, shares, units, dF, first, last):
    """Run the tasks first, ..., last - 1: some pixels of some images, for one group."""
    L = lanes_of(X)
    sums = np.empty(rows * channels * L, X.dtype)
    rest = np.empty(rows * channels, X.dtype)
    for task in range(first, last):
        group, part = divmod(task, shares)
        sums[:] = 0
        rest[:] = 0
        for unit in range(units * part // shares, units * (part + 1) // shares):
            n, tile = divmod(unit, tiles)
            begin, end = pixels * tile // tiles, pixels * (tile + 1) // tiles
            whole = begin + (end - begin) // L * L
            plane = n * groups + group
            for c in range(0, channels, CHANNELS):
                for r in range(rows):
                    g, x, to = (plane * rows + r) * pixels, (plane * channels + c) * pixels, r * channels + c
                    if c + CHANNELS <= channels:
                        sum_0, sum_1 = load(sums, to * L), load(sums, (to + 1) * L)
                        sum_2, sum_3 = load(sums, (to + 2) * L), load(sums, (to + 3) * L)
                        for p in range(begin, whole, L):
                            v = load(G, g + p)
                            sum_0 = sum_0 + v * load(X, x + p)
                            sum_1 = sum_1 + v * load(X, x + pixels + p)
                            sum_2 = sum_2 + v * load(X, x + 2 * pixels + p)
                            sum_3 = sum_3 + v * load(X, x + 3 * pixels + p)
                        store(sums, to * L, sum_0)
                        store(sums, (to + 1) * L, sum_1)
                        store(sums, (to + 2) * L, sum_2)
                        store(sums, (to + 3) * L, sum_3)
                    else:
                        for k in range(channels - c):
                            total = load(sums, (to + k) * L)
                            for p in range(begin, whole, L):
                                total = total + load(G, g + p) * load(X, x + k * pixels + p)
                            store(sums, (to + k) * L, total)
                    for k in range(min(CHANNELS, channels - c)):  # less than a vector of pixels
                        for p in range(whole, end):
                            rest[to + k] += G[g + p] * X[x + k * pixels + p]
        for j in range(rows * channels):
            total = rest[j]
            for lane in range(L):
                total += sums[j * L + lane]
            dF[(part * groups + group) * rows * channels + j] = total
