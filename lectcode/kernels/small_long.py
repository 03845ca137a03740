"""Rows of small windows, of which a vector does not hold all (see `small`).

Winners are found pixel by pixel and kept as numbers. Then the gradient is written row by row. In a row of windows two
columns apart, the pixels that are column k_w of their windows are every second one, those between are column k_w + 1
or k_w - 1: both are vectors, which gather what they win, and one number of each in turn makes the row.
"""

from lectcode.kernels.compiled import inner
from lectcode.kernels.simd import (
    anywhere,
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
    store,
    store_where,
    undefined,
    zip_high,
    zip_low,
)


@inner
def find(x, p, steps, rows, W_out, window, G, q, winners, shares, to, line):
    """Write the winners of rows of windows, and G beside them, from position `to` on; tell whether there was NaN."""
    lanes, nothing, number = lanes_of(x), splat(x.dtype.type(0)), winners.dtype.type
    (step, row), (down, along, apart) = steps, window
    K_w, nan = len(along), undefined(nothing, nothing)
    for _ in range(rows):
        for w in range(0, W_out, lanes):
            corner = p + w * len(apart)
            value = load(x, corner) if len(apart) == 1 else evens(load(x, corner), load(x, corner + lanes))
            winner = splat(number(0))
            previous = value
            for k in range(1, len(down) * K_w):
                pixel = corner + k // K_w * row + k % K_w
                if len(apart) == 1:
                    pixels = load(x, pixel)
                elif k % K_w % 2 == 0:
                    pixels = evens(load(x, pixel), load(x, pixel + lanes))
                else:  # the pixels beside those before: LLVM loads both once
                    pixels = odds(load(x, pixel - 1), load(x, pixel - 1 + lanes))
                if k % 2 == 1 or k == len(down) * K_w - 1:  # one comparison for two
                    nan = nan | undefined(previous, pixels)
                later = larger(pixels, value)
                value, winner, previous = choose(later, pixels, value), choose(later, splat(number(k)), winner), pixels
            store(winners, to + w, winner)
            if w + lanes <= W_out:
                store(shares, to + w, load(G, q + w))
            else:
                store(shares, to + w, load_where(G, q + w, between(G, 0, W_out - w), nothing))
        p, q, to = p + step, q + W_out, to + line
    return anywhere(nan)


@inner
def write(winners, shares, q, line, u, spacing, rows, window, d, begin, size, P_w):
    """Write the rows of the gradient that rows of windows have, the first one from row u on."""
    lanes, nothing, number = lanes_of(d), splat(d.dtype.type(0)), winners.dtype.type
    (S_h, D_h), (down, along, apart), (H, W) = spacing, window, size
    K_w = len(along)
    for _ in range(rows):
        for k_h in range(len(down)):
            row = u + k_h * D_h
            if 0 <= row < H:
                for v in range(-P_w, W, len(apart) * lanes):
                    p, window = begin + row * W + v, q + (v + P_w) // len(apart)
                    first = second = nothing
                    for k_w in range(0, K_w, len(apart)):
                        here = same(load(winners, window - k_w // len(apart)), splat(number(k_h * K_w + k_w)))
                        first = choose(here, first + load(shares, window - k_w // len(apart)), first)
                    if len(apart) == 1:
                        store_where(d, p, first, between(d, -v, W - v))
                    else:
                        for k_w in range(1, K_w, 2):
                            here = same(load(winners, window - k_w // 2), splat(number(k_h * K_w + k_w)))
                            second = choose(here, second + load(shares, window - k_w // 2), second)
                        store_where(d, p, zip_low(first, second), between(d, -v, W - v))
                        store_where(d, p + lanes, zip_high(first, second), between(d, -v - lanes, W - v - lanes))
        u, q = u + S_h, q + line
