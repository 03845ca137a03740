"""The gradient of max pooling by small windows of any shape, if rows of windows share no row of the input.

A vector holds windows side by side. Pixel (k_h, k_w) of a window is number k_h K_w + k_w, and the winner of a window is
such a number. What the windows give to a row of pixels is gathered and written once, as vectors. Rows whose windows fit
into a vector are for `small_short`, longer ones for `small_long`.

Windows are one or two columns apart. The sizes of a window and how far two are apart are lengths of tuples, hence part
of types: Numba compiles each shape apart, and LLVM makes code of it without inner loops.

Where padding is, or windows hang over, planes are copied into a frame of -inf. Planes with NaN, and framed ones with
-inf of their own, are left to `plain`.
"""

import numpy as np

from lectcode.kernels import plain, small_long, small_short
from lectcode.kernels.compiled import entry, inner
from lectcode.kernels.maximum import frame_of
from lectcode.kernels.simd import (
    BYTES,
    anywhere,
    between,
    but,
    equal,
    lanes,
    lanes_of,
    larger,
    load_where,
    splat,
    store_where,
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
    beyond = (lanes + 1) * S_w  # how far the last vector of windows reaches beyond the last pixel of a plane, at most
    window = (0,) * K_h, (0,) * K_w, (0,) * S_w
    told = (S_h, D_h), (P_h, P_w), window, (width, beyond, framed, bare)
    left = (K_w - 1) // S_w
    if max(W_out + left, -(-(P_w + W) // S_w)) <= lanes:
        return (*told, None), height * width + beyond
    # a line has a vector for each of the windows, and for each of the pixels, and on the left what the first ones ask
    line = left + max(-(-W_out // lanes), -(-(P_w + W) // (S_w * lanes))) * lanes
    band = max(1, min(H_out, WINDOWS // line))
    return (*told, (left, line, band)), 2 * band * line + height * width + beyond


@inner
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


@entry
def backward(G, I, spacing, before, window, framing, banding, dI, workspace, first, last):
    """Write the gradients of planes first, ..., last - 1. The workspace holds integers as wide.

    `banding` is None if rows of windows are short: Numba then compiles nothing of what long ones need.
    """
    size, (H_out, W_out), (P_h, P_w) = I.shape[1:], G.shape[1:], before
    (H, W), (S_h, D_h), (width, beyond, framed, bare) = size, spacing, framing
    gradients, images, d, lanes = G.reshape(-1), I.reshape(-1), dI.reshape(-1), lanes_of(I)
    number, rest = workspace.dtype.type, workspace.view(dI.dtype)
    if banding is not None:
        left, line, band = banding  # of each line in use, a winner and a share for every window
        winners, shares, rest = workspace[: band * line], rest[band * line : 2 * band * line], rest[2 * band * line :]
        shares[:] = 0  # also beside the windows, where no winner is written
    if framed:
        rest[:] = -np.inf
    for plane in range(first, last):  # plane alone writes dI[plane]
        begin, end, q = plane * H * W, (plane + 1) * H * W, plane * H_out * W_out
        x, p, row, bad = images, begin, W, False
        if framed or end + beyond > images.size:
            x, p, row = rest, 0, width
            bad = _frame(images, begin, H, W, rest, P_h * width + P_w, width)
        for v in range(begin + bare * W, end, lanes):
            store_where(d, v, splat(d.dtype.type(0)), between(d, 0, min(end - v, lanes)))
        steps = S_h * row, D_h * row
        if banding is None:
            rows = x, p, steps, H_out, W_out, window, gradients, q
            bad |= small_short.pass_back(*rows, d, begin, -P_h, spacing, size, P_w, number)
        else:
            for h in range(0, H_out, band):
                rows = min(band, H_out - h)
                some = x, p + h * steps[0], steps, rows, W_out, window, gradients, q + h * W_out
                bad |= small_long.find(*some, winners, shares, left, line)
                small_long.write(winners, shares, left, line, h * S_h - P_h, spacing, rows, window, d, begin, size, P_w)
        if bad:
            (down, along, apart) = window
            pair = (len(down), len(along)), (S_h, len(apart)), (D_h, 1), before
            plain.max_backward(G, I, *pair, dI, plane, plane + 1)
