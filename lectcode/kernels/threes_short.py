"""The gradient of max pooling by 3 x 3 windows, of which a vector holds those of a whole row (see `threes`).

The masks that tell where a row ends are the same for all rows, and stay in registers. Above the first row and below the
last one nothing is masked. A row below is read as the last one again, which never beats itself. What a row outside is
given goes to a row that is written later.

Of rows that fill half of a vector, those of two planes are computed at once, if `paired` is True instead of None, and
of rows that fill a quarter those of four, if `fourfold` is. Each case has types of its own, so that Numba compiles it
apart, without what the others need. Planes that are missing at the end are the last one again.
"""

import numpy as np

from lectcode.kernels import plain
from lectcode.kernels.compiled import entry, inlined
from lectcode.kernels.simd import (
    ahead,
    behind,
    between,
    choose,
    evens,
    lanes_of,
    larger,
    load_where,
    odds,
    splat,
    store_where,
    zip_high,
    zip_low,
)
from lectcode.kernels.three_places import largest, split


@inlined
def _ahead(x, limit):
    """Return each lane's next one, but -inf where the limit is that, and infinity elsewhere."""
    following = ahead(x, x)
    return choose(larger(limit, following), following, limit)


@inlined
def _largest_pairs(images, p, far, fourfold, beside, far_beside, one, two, more, one_outside, two_outside, limit):
    """Find the largest of the pixels 2 l, 2 l + 1 and 2 l + 2 of a row, and which it is."""
    a, b = load_where(images, p, one, one_outside), load_where(images, p + far, two, two_outside)
    if fourfold is not None:
        a, b = load_where(images, p + beside, more, a), load_where(images, p + far_beside, more, b)
    first = evens(a, b)
    return largest(first, odds(a, b), _ahead(first, limit))


@inlined
def _write_pairs(d, p, far, fourfold, beside, far_beside, one, two, more, share, second, third):
    """Write a row of the gradient from what its windows give to it."""
    to_first, to_second, to_third = split(share, second, third, splat(d.dtype.type(0)))
    even = to_first + behind(to_third, to_third)  # the third pixel of a window is the first of the next one
    a, b = zip_low(even, to_second), zip_high(even, to_second)
    store_where(d, p, a, one)
    store_where(d, p + far, b, two)
    if fourfold is not None:
        store_where(d, p + beside, a, more)
        store_where(d, p + far_beside, b, more)


@entry
def two_apart(G, I, before, paired, fourfold, dI, first, last):
    """Write the gradients of planes first, ..., last - 1.

    A row of windows needs two vectors of pixels, `far` apart: those of the row, or of the rows of two planes. Of four
    planes, each vector also holds the row of another one, `beside` it.
    """
    (H, W), (H_out, W_out), (P_h, P_w) = I.shape[1:], G.shape[1:], before
    gradients, images, d, lanes, half = G.reshape(-1), I.reshape(-1), dI.reshape(-1), lanes_of(I), lanes_of(I) // 2
    nothing, least, undefined = splat(d.dtype.type(0)), splat(I.dtype.type(-np.inf)), splat(I.dtype.type(np.nan))
    one, windows = between(images, P_w, W + P_w), between(images, 0, W_out)
    one_outside = choose(between(images, 0, P_w), undefined, least)
    limit = choose(between(images, lanes - 1, lanes), least, nothing - least)
    far, together, beside, far_beside, more = lanes, 1, 0, 0, one
    if paired is None:
        two, two_outside = between(images, P_w - lanes, W + P_w - lanes), least
    else:
        together, more_windows = 2, between(images, half, half + W_out)
        limit = choose(between(images, half - 1, half), least, limit)
        if fourfold is not None:
            together, quarter = 4, half // 2
            more = between(images, half + P_w, half + W + P_w)
            one_outside = choose(between(images, half, half + P_w), undefined, one_outside)
            limit = choose(between(images, quarter - 1, quarter), least, limit)
            limit = choose(between(images, half + quarter - 1, half + quarter), least, limit)
            beside_windows = between(images, quarter, quarter + W_out)
            far_beside_windows = between(images, half + quarter, half + quarter + W_out)
        two, two_outside = one, one_outside
    for plane in range(first, last, together):  # who calls alone writes these planes of dI
        end = min(plane + together, last)
        if plain.has_nan(images, plane * H * W, end * H * W):
            plain.max_backward(G, I, (3, 3), (2, 2), (1, 1), before, dI, plane, end)
            continue
        top, q = plane * H * W - P_w, plane * H_out * W_out
        p, bottom, others = top - P_h * W, top + (H - 1) * W, end - 1 - plane
        far_plane = min(others, together // 2)
        if paired is not None:
            far = far_plane * H * W
        if fourfold is not None:
            beside, far_beside = min(others, 1) * H * W - half, others * H * W - half
        a, a_2, a_3 = _largest_pairs(
            images, top, far, fourfold, beside, far_beside, one, two, more, one_outside, two_outside, limit
        )
        a = choose(between(images, 0, P_h * lanes), undefined, a)
        pending = nothing  # what row a receives from the windows above
        for _ in range(H_out):
            p_b, p_c = min(p + W, bottom), min(p + 2 * W, bottom)
            b, b_2, b_3 = _largest_pairs(
                images, p_b, far, fourfold, beside, far_beside, one, two, more, one_outside, two_outside, limit
            )
            c, c_2, c_3 = _largest_pairs(
                images, p_c, far, fourfold, beside, far_beside, one, two, more, one_outside, two_outside, limit
            )
            _, second, third = largest(a, b, c)
            share = load_where(gradients, q, windows, nothing)
            if paired is not None:
                share = load_where(gradients, q + far_plane * H_out * W_out - half, more_windows, share)
            if fourfold is not None:
                near, away = q + min(others, 1) * H_out * W_out, q + others * H_out * W_out
                share = load_where(gradients, near - quarter, beside_windows, share)
                share = load_where(gradients, away - half - quarter, far_beside_windows, share)
            to_a, to_b, to_c = split(share, second, third, nothing)
            _write_pairs(d, p_b, far, fourfold, beside, far_beside, one, two, more, to_b, b_2, b_3)
            p_a = p if p >= top else p_c
            _write_pairs(d, p_a, far, fourfold, beside, far_beside, one, two, more, pending + to_a, a_2, a_3)
            a, a_2, a_3, pending = c, c_2, c_3, to_c
            p, q = p + 2 * W, q + W_out
        for _ in range(2 * H_out - P_h, H):  # below the windows: first their last row, then rows of zeros
            _write_pairs(d, p, far, fourfold, beside, far_beside, one, two, more, pending, a_2, a_3)
            pending, p = nothing, p + W


@inlined
def _largest_triples(a, limit):
    """Find the largest of the pixels l, l + 1 and l + 2 of a row, and which it is."""
    b = ahead(a, a)
    return largest(a, b, _ahead(b, limit))


@inlined
def _triples(share, second, third, nothing):
    """Return a row of the gradient from what its windows give to it."""
    to_first, to_second, to_third = split(share, second, third, nothing)
    later = to_second + behind(to_third, to_third)
    return to_first + behind(later, later)


@entry
def one_apart(G, I, before, paired, dI, first, last):
    """Write the gradients of planes first, ..., last - 1."""
    (H, W), (H_out, W_out), (P_h, P_w) = I.shape[1:], G.shape[1:], before
    gradients, images, d, lanes, half = G.reshape(-1), I.reshape(-1), dI.reshape(-1), lanes_of(I), lanes_of(I) // 2
    nothing, least, undefined = splat(d.dtype.type(0)), splat(I.dtype.type(-np.inf)), splat(I.dtype.type(np.nan))
    one, windows = between(images, P_w, W + P_w), between(images, 0, W_out)
    outside = choose(between(images, 0, P_w), undefined, least)
    limit = choose(between(images, lanes - 2, lanes), least, nothing - least)
    together = 1
    if paired is not None:
        together, more_windows = 2, between(images, half, half + W_out)
        two = between(images, half + P_w, half + W + P_w)
        outside = choose(between(images, half, half + P_w), undefined, outside)
        limit = choose(between(images, half - 2, half), least, limit)
    for plane in range(first, last, together):  # who calls alone writes these planes of dI
        end = min(plane + together, last)
        if plain.has_nan(images, plane * H * W, end * H * W):
            plain.max_backward(G, I, (3, 3), (1, 1), (1, 1), before, dI, plane, end)
            continue
        top, q = plane * H * W - P_w, plane * H_out * W_out
        p, bottom, other = top - P_h * W, top + (H - 1) * W, end - 1 - plane  # a plane left over is its own pair
        far, far_windows = other * H * W - half, other * H_out * W_out - half
        a = load_where(images, max(p, top), one, outside)
        b = load_where(images, min(p + W, bottom), one, outside)
        if paired is not None:
            a = load_where(images, max(p, top) + far, two, a)
            b = load_where(images, min(p + W, bottom) + far, two, b)
        a, a_2, a_3 = _largest_triples(a, limit)
        b, b_2, b_3 = _largest_triples(b, limit)
        a = choose(between(images, 0, P_h * lanes), undefined, a)
        for_a = for_b = nothing  # what rows a and b receive from the windows above
        for _ in range(H_out):
            p_c = min(p + 2 * W, bottom)
            c = load_where(images, p_c, one, outside)
            share = load_where(gradients, q, windows, nothing)
            if paired is not None:
                c = load_where(images, p_c + far, two, c)
                share = load_where(gradients, q + far_windows, more_windows, share)
            c, c_2, c_3 = _largest_triples(c, limit)
            _, second, third = largest(a, b, c)
            to_a, to_b, to_c = split(share, second, third, nothing)
            row, p_a = _triples(for_a + to_a, a_2, a_3, nothing), p if p >= top else p_c
            store_where(d, p_a, row, one)
            if paired is not None:
                store_where(d, p_a + far, row, two)
            a, a_2, a_3, for_a = b, b_2, b_3, for_b + to_b
            b, b_2, b_3, for_b = c, c_2, c_3, to_c
            p, q = p + W, q + W_out
        for _ in range(H_out - P_h, H):  # at most two rows
            row = _triples(for_a, a_2, a_3, nothing)
            store_where(d, p, row, one)
            if paired is not None:
                store_where(d, p + far, row, two)
            a_2, a_3, for_a, p = b_2, b_3, for_b, p + W
