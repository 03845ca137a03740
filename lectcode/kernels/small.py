"""The gradient of max pooling by small windows of any shape, if rows of windows share no row of the input.

A vector holds windows side by side. Their winners are found pixel by pixel and kept as numbers: pixel (k_h, k_w) of a
window is number k_h K_w + k_w. Then the gradient is written row by row. In a row of windows two columns apart, the
pixels that are column k_w of their windows are every second one, those between are column k_w + 1 or k_w - 1: both are
vectors, which gather what they win, and one number of each in turn makes the row.

Windows are one or two columns apart. A row of pixels belongs to one row of windows, so it is written once. The sizes
of a window and how far two are apart are lengths of tuples, hence part of types: Numba compiles each shape apart, and
LLVM makes code of it without inner loops.

Where padding is, or windows hang over, planes are copied into a frame of -inf. Planes with NaN, and framed ones with
-inf of their own, are left to `plain`.
"""

import numpy as np
from numba import njit

from lectcode.kernels import plain
from lectcode.kernels.maximum import frame_of
from lectcode.kernels.simd import (
    BYTES,
    anywhere,
    between,
    but,
    choose,
    equal,
    evens,
    lanes,
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

PIXELS = 9  # of a window, at most
WINDOWS = 2**11  # whose winners are found together


def applies(geometry, dtype):
    """Tell whether the windows are such, hold floats and fill more than half of a vector, and the host has masks."""
    (K_h, K_w), (S_h, S_w) = geometry.kernel_size, geometry.stride
    return (
        BYTES >= 64
        and dtype.kind == "f"
        and K_h * K_w <= PIXELS
        and S_w <= 2
        and S_h > (K_h - 1) * geometry.dilation[0]
        and geometry.dilation[1] == 1
        and 2 * geometry.output_size[1] > lanes(dtype)
    )


def plan(geometry, lanes):
    """Return what the kernel is told between I and dI, and how many numbers the workspace must hold."""
    (H, W), (H_out, W_out), (P_h, P_w) = geometry.input_size, geometry.output_size, geometry.before
    (K_h, K_w), (S_h, S_w), D_h = geometry.kernel_size, geometry.stride, geometry.dilation[0]
    covered = frame_of(geometry.output_size, geometry.kernel_size, geometry.stride, geometry.dilation)
    height, width = max(P_h + H, covered[0]), max(P_w + W, covered[1])
    framed = (height, width) != (H, W)
    rows = {h * S_h - P_h + k * D_h for h in range(H_out) for k in range(K_h)}
    bare = next((u for u in range(H) if u not in rows), H)  # the first row without windows
    # a line has a vector for each of the windows, and for each of the pixels, and on the left what the first ones ask
    vectors = max(-(-W_out // lanes), -(-(P_w + W) // (S_w * lanes)))
    left = (K_w - 1) // S_w
    line = left + vectors * lanes
    band = max(1, min(H_out, WINDOWS // line))
    beyond = (lanes + 1) * S_w  # how far the last vector of windows reaches beyond the last pixel of a plane, at most
    told = (S_h, D_h, (P_h, P_w), (0,) * K_h, (0,) * K_w, (0,) * S_w, (width, beyond, framed, bare), (left, line, band))
    return told, 2 * band * line + height * width + beyond


@njit(nogil=True, cache=True)
def _frame(images, p, H, W, frame, to, width):
    """Copy a plane into the frame; tell whether a pixel is NaN or -inf."""
    lanes, nothing, least = lanes_of(frame), splat(frame.dtype.type(0)), splat(frame.dtype.type(-np.inf))
    every_lane = equal(nothing, nothing)
    fine = every_lane
    for _ in range(H):
        for v in range(0, W, lanes):
            inside = between(frame, 0, W - v)
            pixels = load_where(images, p + v, inside, nothing)
            fine = fine & larger(pixels, least)
            store_where(frame, to + v, pixels, inside)
        p, to = p + W, to + width
    return anywhere(but(every_lane, fine))


@njit(nogil=True, cache=True)
def _find(x, p, step, row, rows, W_out, down, along, apart, G, q, winners, shares, to, line):
    """Write the winners of rows of windows, and G beside them, from position `to` on; tell whether there was NaN."""
    lanes, K_w, nothing, number = lanes_of(x), len(along), splat(x.dtype.type(0)), winners.dtype.type
    nan = undefined(nothing, nothing)
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


@njit(nogil=True, cache=True)
def _write(winners, shares, q, line, u, S_h, D_h, rows, down, along, apart, d, begin, H, W, P_w):
    """Write the rows of the gradient that rows of windows have, the first one from row u on."""
    lanes, K_w, nothing, number = lanes_of(d), len(along), splat(d.dtype.type(0)), winners.dtype.type
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


@njit(nogil=True, cache=True)
def backward(G, I, S_h, D_h, before, down, along, apart, framing, banding, dI, workspace, first, last):
    """Write the gradients of planes first, ..., last - 1. The workspace holds integers as wide."""
    (H, W), (H_out, W_out), (P_h, P_w) = I.shape[1:], G.shape[1:], before
    (width, beyond, framed, bare), (left, line, band) = framing, banding
    gradients, images, d, lanes = G.reshape(-1), I.reshape(-1), dI.reshape(-1), lanes_of(I)
    winners, rest = workspace[: band * line], workspace[band * line :].view(dI.dtype)
    shares, frame = rest[: band * line], rest[band * line :]
    shares[:] = 0  # also beside the windows, where no winner is written
    if framed:
        frame[:] = -np.inf
    for plane in range(first, last):  # plane alone writes dI[plane]
        begin, end = plane * H * W, (plane + 1) * H * W
        x, corner, row, bad = images, begin, W, False
        if framed or end + beyond > images.size:
            x, corner, row = frame, 0, width
            bad = _frame(images, begin, H, W, frame, P_h * width + P_w, width)
        for p in range(begin + bare * W, end, lanes):
            store_where(d, p, splat(d.dtype.type(0)), between(d, 0, min(end - p, lanes)))
        for h in range(0, H_out, band):
            rows, u, q = min(band, H_out - h), h * S_h, (plane * H_out + h) * W_out
            p = corner + u * row
            bad |= _find(
                x, p, S_h * row, D_h * row, rows, W_out, down, along, apart, gradients, q, winners, shares, left, line
            )
            _write(winners, shares, left, line, u - P_h, S_h, D_h, rows, down, along, apart, d, begin, H, W, P_w)
        if bad:
            window = (len(down), len(along)), (S_h, len(apart)), (D_h, 1), before
            plain.max_backward(G, I, *window, dI, plane, plane + 1)
