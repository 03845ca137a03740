"""The gradient of max pooling by 3 x 3 windows, of which a row has more than a vector holds (see `threes`).

Rows are worked on from left to right and from top to bottom, in the order in which they lie in memory, so that it is
read and written at full speed: vectors below one another first, plane after plane, took twice as long from memory.

From the left comes what a window gives to the first pixels of the next vector. From the right come that vector's first
pixels: it is read one step early. Of rows that also belong to the windows below, the maxima, what they have received
and, as bits, their places wait in the cache.
"""

import numpy as np

from lectcode.kernels import plain
from lectcode.kernels.compiled import entry, inlined
from lectcode.kernels.simd import (
    ahead,
    behind,
    between,
    bits_of,
    choose,
    evens,
    lanes_of,
    load,
    load_where,
    mask_of,
    odds,
    splat,
    store,
    store_where,
    zip_high,
    zip_low,
)
from lectcode.kernels.three_places import largest, split


@inlined
def _pairs(images, p, one, two, outside):
    """Read the pixels 2 l and 2 l + 1 of a row."""
    a = load_where(images, p, one, outside)
    b = load_where(images, p + lanes_of(images), two, splat(images.dtype.type(-np.inf)))
    return evens(a, b), odds(a, b)


@inlined
def _write_pairs(d, p, share, second, third, one, two, left):
    """Write a part of a row of the gradient; return what its windows give to their third pixels."""
    to_first, to_second, to_third = split(share, second, third, splat(d.dtype.type(0)))
    even = to_first + behind(left, to_third)  # the third pixel of a window is the first of the next one
    store_where(d, p, zip_low(even, to_second), one)
    store_where(d, p + lanes_of(d), zip_high(even, to_second), two)
    return to_third


@entry
def two_apart(G, I, before, dI, first, last):
    """Write the gradients of planes first, ..., last - 1."""
    (H, W), (H_out, W_out), (P_h, P_w) = I.shape[1:], G.shape[1:], before
    gradients, images, d, lanes = G.reshape(-1), I.reshape(-1), dI.reshape(-1), lanes_of(I)
    nothing, least, undefined = splat(d.dtype.type(0)), splat(I.dtype.type(-np.inf)), splat(I.dtype.type(np.nan))
    outside = choose(between(images, 0, P_w), undefined, least)
    step, vectors = 2 * lanes, (W + P_w + 2 * lanes - 1) // (2 * lanes)
    # Of each vector of windows: which pixels of its two vectors are inside, which windows there are, and of the row
    # that is kept, where its windows' maxima are their second and their third pixels. A last one has nothing inside.
    masks = np.zeros((vectors + 1, 5), np.int64)
    for i in range(vectors):
        begin, end = P_w - i * step, W + P_w - i * step
        masks[i, 0] = bits_of(between(images, begin, end))
        masks[i, 1] = bits_of(between(images, begin - lanes, end - lanes))
        masks[i, 2] = bits_of(between(images, 0, W_out - i * lanes))
    kept = np.empty(2 * lanes * vectors, I.dtype)  # of the same row, maxima and what they have received
    for plane in range(first, last):  # who calls alone writes these planes of dI
        if plain.has_nan(images, plane * H * W, (plane + 1) * H * W):
            plain.max_backward(G, I, (3, 3), (2, 2), (1, 1), before, dI, plane, plane + 1)
            continue
        top, q = plane * H * W - P_w, plane * H_out * W_out
        p, bottom = top - P_h * W, top + (H - 1) * W
        a, a_odd = _pairs(images, top, mask_of(d, masks[0, 0]), mask_of(d, masks[0, 1]), outside)
        for i in range(vectors):
            one, two = mask_of(d, masks[i + 1, 0]), mask_of(d, masks[i + 1, 1])
            next_a, next_a_odd = _pairs(images, top + (i + 1) * step, one, two, least)
            a, second, third = largest(a, a_odd, ahead(a, next_a))
            store(kept, i * step, choose(between(images, 0, P_h * lanes), undefined, a))
            store(kept, i * step + lanes, nothing)
            masks[i, 3], masks[i, 4] = bits_of(second), bits_of(third)
            a, a_odd = next_a, next_a_odd
        for _ in range(H_out):
            # Rows below the input are the last one again, which never beats itself. What the row above the input is
            # given goes where row c is written later.
            p_b, p_c = min(p + W, bottom), min(p + 2 * W, bottom)
            p_a = p if p >= top else p_c
            one, two = mask_of(d, masks[0, 0]), mask_of(d, masks[0, 1])
            (b, b_odd), (c, c_odd) = _pairs(images, p_b, one, two, outside), _pairs(images, p_c, one, two, outside)
            left_a = left_b = nothing
            for i in range(vectors):
                v, next_one, next_two = i * step, mask_of(d, masks[i + 1, 0]), mask_of(d, masks[i + 1, 1])
                next_b, next_b_odd = _pairs(images, p_b + v + step, next_one, next_two, least)
                next_c, next_c_odd = _pairs(images, p_c + v + step, next_one, next_two, least)
                b, b_2, b_3 = largest(b, b_odd, ahead(b, next_b))
                c, c_2, c_3 = largest(c, c_odd, ahead(c, next_c))
                _, second, third = largest(load(kept, v), b, c)
                share = load_where(gradients, q + i * lanes, mask_of(d, masks[i, 2]), nothing)
                to_a, to_b, to_c = split(share, second, third, nothing)
                to_a = load(kept, v + lanes) + to_a
                a_2, a_3 = mask_of(d, masks[i, 3]), mask_of(d, masks[i, 4])
                left_b = _write_pairs(d, p_b + v, to_b, b_2, b_3, one, two, left_b)
                left_a = _write_pairs(d, p_a + v, to_a, a_2, a_3, one, two, left_a)
                store(kept, v, c)
                store(kept, v + lanes, to_c)
                masks[i, 3], masks[i, 4] = bits_of(c_2), bits_of(c_3)
                b, b_odd, c, c_odd, one, two = next_b, next_b_odd, next_c, next_c_odd, next_one, next_two
            p, q = p + 2 * W, q + W_out
        for _ in range(2 * H_out - P_h, H):  # below the windows: first their last row, then rows of zeros
            left_a = nothing
            for i in range(vectors):
                one, two = mask_of(d, masks[i, 0]), mask_of(d, masks[i, 1])
                a_2, a_3 = mask_of(d, masks[i, 3]), mask_of(d, masks[i, 4])
                left_a = _write_pairs(d, p + i * step, load(kept, i * step + lanes), a_2, a_3, one, two, left_a)
                store(kept, i * step + lanes, nothing)
            p += W


@inlined
def _largest_triples(a, following):
    """Find the largest of the pixels l, l + 1 and l + 2 of a row, and which it is."""
    b = ahead(a, following)
    return largest(a, b, ahead(b, ahead(following, following)))


@inlined
def _write_triples(d, p, share, second, third, where, left_second, left_third):
    """Write a part of a row of the gradient; return what its windows give to the two vectors' pixels behind it."""
    to_first, to_second, to_third = split(share, second, third, splat(d.dtype.type(0)))
    later = to_second + behind(left_third, to_third)
    store_where(d, p, to_first + behind(left_second, later), where)
    return later, to_third


@entry
def one_apart(G, I, before, dI, first, last):
    """Write the gradients of planes first, ..., last - 1."""
    (H, W), (H_out, W_out), (P_h, P_w) = I.shape[1:], G.shape[1:], before
    gradients, images, d, lanes = G.reshape(-1), I.reshape(-1), dI.reshape(-1), lanes_of(I)
    nothing, least, undefined = splat(d.dtype.type(0)), splat(I.dtype.type(-np.inf)), splat(I.dtype.type(np.nan))
    outside = choose(between(images, 0, P_w), undefined, least)
    vectors = (W + P_w + lanes - 1) // lanes
    # Of each vector: which pixels are inside, which windows there are, and of the two rows that are kept, the even and
    # the odd ones, where their windows' maxima are the second and the third pixels. A last one has nothing inside.
    masks = np.zeros((vectors + 1, 6), np.int64)
    for i in range(vectors):
        masks[i, 0] = bits_of(between(images, P_w - i * lanes, W + P_w - i * lanes))
        masks[i, 1] = bits_of(between(images, 0, W_out - i * lanes))
    kept = np.empty(4 * lanes * vectors, I.dtype)  # of the same rows, maxima and what they have received
    for plane in range(first, last):  # who calls alone writes these planes of dI
        if plain.has_nan(images, plane * H * W, (plane + 1) * H * W):
            plain.max_backward(G, I, (3, 3), (1, 1), (1, 1), before, dI, plane, plane + 1)
            continue
        top, q = plane * H * W - P_w, plane * H_out * W_out
        p, bottom = top - P_h * W, top + (H - 1) * W
        for h in range(2):
            p_a = min(max(p + h * W, top), bottom)
            a = load_where(images, p_a, mask_of(d, masks[0, 0]), outside)
            for i in range(vectors):
                next_a = load_where(images, p_a + (i + 1) * lanes, mask_of(d, masks[i + 1, 0]), least)
                a, second, third = _largest_triples(a, next_a)
                store(kept, (4 * i + 2 * h) * lanes, choose(between(images, 0, (P_h - h) * lanes), undefined, a))
                store(kept, (4 * i + 2 * h + 1) * lanes, nothing)
                masks[i, 2 + 2 * h], masks[i, 3 + 2 * h] = bits_of(second), bits_of(third)
                a = next_a
        for h in range(H_out):
            # A row below the input is the last one again, which never beats itself. What the row above the input is
            # given goes where row c is written later.
            p_c, even, odd = min(p + 2 * W, bottom), 2 * (h % 2), 2 - 2 * (h % 2)
            p_a, where = p if p >= top else p_c, mask_of(d, masks[0, 0])
            c, left_2, left_3 = load_where(images, p_c, where, outside), nothing, nothing
            for i in range(vectors):
                v, a, b = i * lanes, (4 * i + even) * lanes, (4 * i + odd) * lanes
                next_where = mask_of(d, masks[i + 1, 0])
                next_c = load_where(images, p_c + v + lanes, next_where, least)
                c, c_2, c_3 = _largest_triples(c, next_c)
                _, second, third = largest(load(kept, a), load(kept, b), c)
                share = load_where(gradients, q + v, mask_of(d, masks[i, 1]), nothing)
                to_a, to_b, to_c = split(share, second, third, nothing)
                to_a, to_b = load(kept, a + lanes) + to_a, load(kept, b + lanes) + to_b
                a_2, a_3 = mask_of(d, masks[i, 2 + even]), mask_of(d, masks[i, 3 + even])
                left_2, left_3 = _write_triples(d, p_a + v, to_a, a_2, a_3, where, left_2, left_3)
                store(kept, b + lanes, to_b)
                store(kept, a, c)  # in the place of row a, which is done
                store(kept, a + lanes, to_c)
                masks[i, 2 + even], masks[i, 3 + even] = bits_of(c_2), bits_of(c_3)
                c, where = next_c, next_where
            p, q = p + W, q + W_out
        for h in range(H_out, H + P_h):  # at most two rows
            even, left_2, left_3 = 2 * (h % 2), nothing, nothing
            for i in range(vectors):
                a, where = (4 * i + even) * lanes, mask_of(d, masks[i, 0])
                a_2, a_3 = mask_of(d, masks[i, 2 + even]), mask_of(d, masks[i, 3 + even])
                to_a = load(kept, a + lanes)
                left_2, left_3 = _write_triples(d, p + i * lanes, to_a, a_2, a_3, where, left_2, left_3)
            p += W
