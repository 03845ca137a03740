"""Rows of small windows that fit into a vector: all stays in registers (see `small`).

Of a row of pixels, every S_w-th one is a vector: column k_w of the windows. Column k_w + S_w is the same vector, seen
one place ahead. On the way back, what is won by column k_w + S_w is moved one place behind, added to what is won by
column k_w, and so on. The last places are free, so what comes around from the other end of the vector is no window's.
"""

from lectcode.kernels.compiled import inlined, inner
from lectcode.kernels.simd import (
    ahead,
    anywhere,
    behind,
    between,
    choose,
    evens,
    lanes_of,
    larger,
    load,
    load_where,
    odds,
    same,
    splat,
    store_where,
    undefined,
    zip_high,
    zip_low,
)


@inlined
def _column(x, p, k_w, S_w):
    """Read column k_w of the windows of a row that begins at x[p]."""
    if S_w == 1:
        pixels = load(x, p)
    elif k_w % 2 == 0:  # LLVM reads a row once, whatever column is asked for
        pixels = evens(load(x, p), load(x, p + lanes_of(x)))
    else:
        pixels = odds(load(x, p), load(x, p + lanes_of(x)))
    for _ in range(k_w // S_w):
        pixels = ahead(pixels, pixels)
    return pixels


@inlined
def _won(winner, share, k, column, K_w, S_w, nothing, number):
    """Return what windows give to `column`, and to those S_w, 2 S_w, ... farther; k is the number of column 0."""
    total, columns = nothing, (K_w - column + S_w - 1) // S_w
    for j in range(columns):
        k_w = column + (columns - 1 - j) * S_w
        total = behind(total, total) + choose(same(winner, splat(number(k + k_w))), share, nothing)
    return total


@inner
def pass_back(x, p, steps, rows, W_out, window, G, q, d, begin, u, spacing, size, P_w, number):
    """Write the rows of the gradient that rows of windows have, from row u on; tell whether there was NaN.

    The first window is at x[p], and its part of G at G[q].
    """
    lanes, nothing, (step, row), (down, along, apart) = lanes_of(x), splat(x.dtype.type(0)), steps, window
    K_w, S_w, (S_h, D_h), (H, W) = len(along), len(apart), spacing, size
    nan, windows = undefined(nothing, nothing), between(G, 0, W_out)
    one, two = between(d, P_w, W + P_w), between(d, 0, W + P_w - lanes)
    for _ in range(rows):
        winner, value = splat(number(0)), _column(x, p, 0, S_w)
        previous = value
        for k in range(1, len(down) * K_w):
            pixels = _column(x, p + k // K_w * row, k % K_w, S_w)
            if k % 2 == 1 or k == len(down) * K_w - 1:  # one comparison for two
                nan = nan | undefined(previous, pixels)
            later = larger(pixels, value)
            value, winner, previous = choose(later, pixels, value), choose(later, splat(number(k)), winner), pixels
        share = load_where(G, q, windows, nothing)
        for k_h in range(len(down)):
            v = u + k_h * D_h
            if 0 <= v < H:
                to = begin + v * W - P_w
                first = _won(winner, share, k_h * K_w, 0, K_w, S_w, nothing, number)
                if S_w == 1:
                    store_where(d, to, first, one)
                else:
                    second = _won(winner, share, k_h * K_w, 1, K_w, S_w, nothing, number)
                    store_where(d, to, zip_low(first, second), one)
                    store_where(d, to + lanes, zip_high(first, second), two)
        p, q, u = p + step, q + W_out, u + S_h
    return anywhere(nan)
