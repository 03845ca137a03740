"""The gradient of max pooling by windows of 3 x 3 pixels, one or two apart: what most networks use besides 2 x 2.

As in `winners`, the maximum of a window is the maximum of its rows' maxima: it is found along the rows and down the
columns, and the gradient goes back down and along. But here nothing is copied, all of it stays in registers. Lane l
belongs to window w + l of a row. Two masks say which of three places wins, the second or the third; if neither, it is
the first. A row of the input is read once. What its windows give to it is summed first, and then written once.

The first pixels of a vector also belong to windows before it, so that vectors of windows overlap.
"""

import numpy as np
from numba import njit

from lectcode.kernels import plain
from lectcode.kernels.simd import (
    BYTES,
    ahead,
    behind,
    between,
    but,
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


def applies(geometry, dtype):
    """Tell whether the windows are such and hold floats, and whether the host has masks: without, `winners` is faster.

    The parts of a vector outside of the input are neither read nor written; before AVX-512 that takes detours.
    """
    return (
        BYTES >= 64
        and dtype.kind == "f"
        and geometry.kernel_size == (3, 3)
        and geometry.dilation == (1, 1)
        and geometry.stride in ((1, 1), (2, 2))
        and max(geometry.before) <= 1
    )


@njit(nogil=True, cache=True, inline="always")
def _largest(a, b, c, outside):
    """Return the largest of three, and where it is the second and the third; where the first is outside, not that.

    Outside of the input stands -inf, which never beats what comes before it.
    """
    later = larger(b, a)
    value = choose(later, b, a)
    third = larger(c, value)
    return choose(third, c, value), but(later | outside, third), third


@njit(nogil=True, cache=True, inline="always")
def _split(share, second, third, nothing):
    """Return what windows give to their first, second and third places."""
    return choose(second | third, nothing, share), choose(second, share, nothing), choose(third, share, nothing)


@njit(nogil=True, cache=True, inline="always")
def _pairs(images, p, far, one, two, left, inner):
    """Find the largest of the pixels 2 l, 2 l + 1 and 2 l + 2 of a row, and which it is."""
    nothing = splat(images.dtype.type(-np.inf))
    a, b = load_where(images, p, one, nothing), load_where(images, p + far, two, nothing)
    first = evens(a, b)
    return _largest(first, odds(a, b), choose(inner, ahead(first, first), nothing), left)


@njit(nogil=True, cache=True, inline="always")
def _write_pairs(d, p, far, share, second, third, one, two):
    """Write a row of the gradient from what the windows give to it."""
    nothing = splat(d.dtype.type(0))
    to_first, to_second, to_third = _split(share, second, third, nothing)
    even = to_first + behind(nothing, to_third)  # the third pixel of a window is the first of the next one
    store_where(d, p, zip_low(even, to_second), one)
    store_where(d, p + far, zip_high(even, to_second), two)


@njit(nogil=True, cache=True)
def _two_apart(gradients, images, size, output_size, before, w, step, d, first, last):
    """Write the columns of planes first, ..., last - 1 that a vector of windows, w and more, knows completely.

    A row of windows reads two vectors of pixels, `far` apart. With step = 1 they follow each other. With step = 2, for
    rows no longer than one vector, the other is the same row of the next plane: each has half of the lanes.
    """
    (H, W), (H_out, W_out), (P_h, P_w), lanes = size, output_size, before, lanes_of(images)
    v, half, nothing = 2 * w - P_w, lanes // 2, splat(d.dtype.type(0))  # v is the column of the first pixel
    nowhere, everywhere = between(images, 0, 0), between(images, 0, lanes)
    begin, end, ahead_by = max(2 if w else 0, -v), min(2 * lanes - 2, W - v), lanes if step == 1 else 0
    one, two = between(images, -v, W - v), between(images, -v - ahead_by, W - v - ahead_by)
    to_one, to_two = between(images, begin, end), between(images, begin - ahead_by, end - ahead_by)
    if step == 1:  # the last lane lacks its third pixel
        windows, others, left, inner = between(images, 0, min(lanes - 1, W_out - w)), nowhere, nowhere, everywhere
    else:  # the last lane of a half has its third pixel outside
        windows, others, left = between(images, 0, W_out), between(images, half, half + W_out), nowhere
        inner = but(between(images, 0, lanes - 1), between(images, half - 1, half))
    if v < 0:
        left = between(images, 0, 1) | (between(images, half, half + 1) if step == 2 else nowhere)
    # The first row of windows and the last one may reach outside: they are parts of their own.
    top = 1 if P_h else 0
    bottom = max(H_out - 1 if 2 * H_out - P_h >= H else H_out, top)
    for plane in range(first, last, step):
        p, q = (plane * H - P_h) * W + v, plane * H_out * W_out + w
        other = 1 if plane + 1 < last else 0  # without a next plane, the same one is computed twice
        far, g_far = (lanes, 0) if step == 1 else (other * H * W, other * H_out * W_out - half)
        in_a = nowhere if P_h else everywhere
        a, a_second, a_third = _pairs(images, p, far, one & in_a, two & in_a, left, inner)
        pending = nothing  # what row a receives from the windows above
        for part in range(0 if top else 1, 3 if bottom < H_out else 2):
            h_0, h_1 = (0, top) if part == 0 else (top, bottom) if part == 1 else (bottom, H_out)
            in_a = everywhere if 2 * h_0 >= P_h else nowhere
            in_b = everywhere if 2 * h_1 - 1 - P_h < H else nowhere
            in_c = everywhere if 2 * h_1 - P_h < H else nowhere
            b_one, b_two, c_one, c_two = one & in_b, two & in_b, one & in_c, two & in_c
            to_a_one, to_a_two, to_b_one, to_b_two = to_one & in_a, to_two & in_a, to_one & in_b, to_two & in_b
            outside = but(everywhere, in_a)
            for _ in range(h_0, h_1):
                b, b_second, b_third = _pairs(images, p + W, far, b_one, b_two, left, inner)
                c, c_second, c_third = _pairs(images, p + 2 * W, far, c_one, c_two, left, inner)
                _, second, third = _largest(a, b, c, outside)
                share = load_where(gradients, q + g_far, others, load_where(gradients, q, windows, nothing))
                to_a, to_b, to_c = _split(share, second, third, nothing)
                _write_pairs(d, p, far, pending + to_a, a_second, a_third, to_a_one, to_a_two)
                _write_pairs(d, p + W, far, to_b, b_second, b_third, to_b_one, to_b_two)
                a, a_second, a_third, pending = c, c_second, c_third, to_c
                p, q = p + 2 * W, q + W_out
        for _ in range(2 * H_out - P_h, H):  # below the windows: first their last row, then rows of zeros
            _write_pairs(d, p, far, pending, a_second, a_third, to_one, to_two)
            pending, p = nothing, p + W


@njit(nogil=True, cache=True, inline="always")
def _triples(images, p, one, two, left):
    """Find the largest of the pixels l, l + 1 and l + 2 of a row, and which it is."""
    nothing = splat(images.dtype.type(-np.inf))
    a, more = load_where(images, p, one, nothing), load_where(images, p + lanes_of(images), two, nothing)
    b = ahead(a, more)
    return _largest(a, b, ahead(b, ahead(more, more)), left)


@njit(nogil=True, cache=True, inline="always")
def _write_triples(d, p, share, second, third, where):
    """Write a row of the gradient from what the windows give to it."""
    nothing = splat(d.dtype.type(0))
    to_first, to_second, to_third = _split(share, second, third, nothing)
    store_where(d, p, to_first + behind(nothing, to_second + behind(nothing, to_third)), where)


@njit(nogil=True, cache=True)
def _one_apart(gradients, images, size, output_size, before, w, d, first, last):
    """Write the columns of planes first, ..., last - 1 that a vector of windows, w and more, knows completely."""
    (H, W), (H_out, W_out), (P_h, P_w), lanes = size, output_size, before, lanes_of(images)
    v, nothing = w - P_w, splat(d.dtype.type(0))  # v is the column of the first pixel
    nowhere, everywhere = between(images, 0, 0), between(images, 0, lanes)
    one, two, windows = between(images, -v, W - v), between(images, 0, W - v - lanes), between(images, 0, W_out - w)
    to, left = between(images, max(2 if w else 0, -v), W - v), between(images, 0, -v)
    # The first row of windows and the last one may reach outside: they are parts of their own.
    top = 1 if P_h else 0
    bottom = max(H_out - 1 if H_out + 1 - P_h >= H else H_out, top)
    for plane in range(first, last):
        p, q = (plane * H - P_h) * W + v, plane * H_out * W_out + w
        in_a = nowhere if P_h else everywhere
        a, a_second, a_third = _triples(images, p, one & in_a, two & in_a, left)
        b, b_second, b_third = _triples(images, p + W, one, two, left)
        for_a = for_b = nothing  # what rows a and b receive from the windows above
        for part in range(0 if top else 1, 3 if bottom < H_out else 2):
            h_0, h_1 = (0, top) if part == 0 else (top, bottom) if part == 1 else (bottom, H_out)
            in_a = everywhere if h_0 >= P_h else nowhere
            in_c = everywhere if h_1 + 1 - P_h < H else nowhere
            c_one, c_two, to_a_one, outside = one & in_c, two & in_c, to & in_a, but(everywhere, in_a)
            for _ in range(h_0, h_1):
                c, c_second, c_third = _triples(images, p + 2 * W, c_one, c_two, left)
                _, second, third = _largest(a, b, c, outside)
                share = load_where(gradients, q, windows, nothing)
                to_a, to_b, to_c = _split(share, second, third, nothing)
                _write_triples(d, p, for_a + to_a, a_second, a_third, to_a_one)
                a, a_second, a_third, for_a = b, b_second, b_third, for_b + to_b
                b, b_second, b_third, for_b = c, c_second, c_third, to_c
                p, q = p + W, q + W_out
        for _ in range(H_out - P_h, H):  # below the first rows of the windows
            _write_triples(d, p, for_a, a_second, a_third, to)
            a_second, a_third, for_a, for_b, p = b_second, b_third, for_b, nothing, p + W


@njit(nogil=True, cache=True)
def backward(G, I, S, before, dI, first, last):
    """Write the gradients of planes first, ..., last - 1."""
    size, output_size, lanes = I.shape[1:], G.shape[1:], lanes_of(I)
    (H, W), (_, P) = size, before
    gradients, images, d = G.reshape(-1), I.reshape(-1), dI.reshape(-1)
    together, step = max(1, plain.PIXELS // (H * W)), 2 if lanes >= W + P else 1
    for plane in range(first, last, together):  # who calls alone writes these planes of dI
        end = min(plane + together, last)
        if plain.has_nan(images, plane * H * W, end * H * W):
            plain.max_backward(G, I, (3, 3), (S, S), (1, 1), before, dI, plane, end)
        elif S == 1:
            for w in range(0, max(W + P - 2, 1), lanes - 2):
                _one_apart(gradients, images, size, output_size, before, w, d, plane, end)
        else:
            for w in range(0, max((W + P - 1) // 2, 1), lanes - 2):
                _two_apart(gradients, images, size, output_size, before, w, step, d, plane, end)
