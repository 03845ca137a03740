"""Where the maxima stand, as many planes at once as a vector has lanes (see `abreast`).

A winner is the number of a pixel of its plane, u W + v. Beside the largest numbers so far, a vector holds those of the
pixels where they stand: it costs one more choice for each place of a window. Going forward, both are written. Going
back, the gradient is sent to the winners while they are still in the cache (see `scatter`).
"""

import numpy as np

from lectcode.kernels import scatter
from lectcode.kernels.abreast import as_before, bring, fetch, forward_room, inside, starts, window_places
from lectcode.kernels.compiled import entry, inlined, inner
from lectcode.kernels.simd import beats, choose, lanes_of, load, splat, store


def room(geometry, lanes, values):
    """Return how many rows of windows are worked on at once, and how many numbers the workspace must hold.

    With `values`, it holds the maxima of these rows; without, the winners of whole planes.
    """
    at_once, numbers = forward_room(geometry, lanes)
    H_out, W_out = geometry.output_size
    return at_once, numbers + (at_once if values else H_out) * W_out * lanes


@inlined
def _winner(x, shift, corner, pixels, n, number):
    """Return the largest numbers of a window, the first of equal ones, the first NaN before all; and their pixels."""
    lanes = lanes_of(x)
    pixel = corner + pixels[0]
    value, winner = load(x, (pixel + shift) * lanes), splat(number(pixel))
    for k in range(1, n):
        pixel = corner + pixels[k]
        other = load(x, (pixel + shift) * lanes)
        later = beats(other, value)
        value, winner = choose(later, other, value), choose(later, splat(number(pixel)), winner)
    return value, winner


@inner
def _find(I, window, sizes, plane, planes, at_once, O, winners, to, workspace):
    """Write the winners of a group of planes from winners[to] on, and the maxima into O unless None."""
    (K_h, K_w), (S_h, S_w), (D_h, D_w), (P_h, P_w) = window
    (H, W), (H_out, W_out), lanes = I.shape[1:], sizes, lanes_of(I)
    count, size, number = at_once * W_out * lanes, H_out * W_out, winners.dtype.type
    found, rest = workspace[:count], workspace[count:].view(I.dtype)
    maxima, x = rest[:count], rest[count if O is not None else 0 :]
    images, rows, which = I.reshape(-1), np.empty(lanes, np.int64), np.empty(lanes, np.int64)
    starts(lanes, lanes, rows)
    starts(planes, H * W, which)
    inside_h, inside_w = inside(H_out, K_h, S_h, D_h, P_h, H), inside(W_out, K_w, S_w, D_w, P_w, W)
    pixels, n = np.empty(K_h * K_w, np.int64), 0
    for h_0 in range(0, H_out, at_once):
        h_1 = min(h_0 + at_once, H_out)
        top, bottom = max(0, h_0 * S_h - P_h), min(H, (h_1 - 1) * S_h - P_h + (K_h - 1) * D_h + 1)
        fetch(images, plane * H * W, which, top * W, bottom * W, H * W, x)
        shift = lanes - top * W  # where pixel 0 of the planes stands in x, in vectors
        for h in range(h_0, h_1):
            for w in range(W_out):
                if not as_before(inside_w, w):
                    n = window_places(inside_h[h], inside_w[w], D_h * W, D_w, pixels)
                corner, p = (h * S_h - P_h) * W + w * S_w - P_w, ((h - h_0) * W_out + w) * lanes
                if n == 9:  # the usual numbers are branches of their own: LLVM then makes no loops of them
                    value, winner = _winner(x, shift, corner, pixels, 9, number)
                elif n == 4:
                    value, winner = _winner(x, shift, corner, pixels, 4, number)
                else:
                    value, winner = _winner(x, shift, corner, pixels, n, number)
                store(found, p, winner)
                if O is not None:
                    store(maxima, p, value)
        bring(found, rows, planes, h_0 * W_out, h_1 * W_out, size, winners, to)
        if O is not None:
            bring(maxima, rows, planes, h_0 * W_out, h_1 * W_out, size, O.reshape(-1), plane * size)


@entry
def forward(I, kernel_size, stride, dilation, before, at_once, winners, O, workspace, first, last):
    """Write the maxima and the winners of the groups of planes first, ..., last - 1.

    The workspace holds integers as wide as the numbers of I.
    """
    window, sizes, lanes = (kernel_size, stride, dilation, before), O.shape[1:], lanes_of(I)
    places, size = winners.reshape(-1), O.shape[1] * O.shape[2]
    for group in range(first, last):  # group alone writes its planes of O and of the winners
        plane = group * lanes
        planes = min(lanes, len(I) - plane)
        _find(I, window, sizes, plane, planes, at_once, O, places, plane * size, workspace)


@entry
def backward(G, I, kernel_size, stride, dilation, before, at_once, dI, workspace, first, last):
    """Write the gradients of the groups of planes first, ..., last - 1. The workspace holds integers as wide."""
    window, sizes, lanes = (kernel_size, stride, dilation, before), G.shape[1:], lanes_of(I)
    count, size = sizes[0] * sizes[1], I.shape[1] * I.shape[2]
    places, rest = workspace[: lanes * count], workspace[lanes * count :]
    for group in range(first, last):  # group alone writes its planes of dI
        plane = group * lanes
        planes = min(lanes, len(I) - plane)
        _find(I, window, sizes, plane, planes, at_once, None, places, 0, rest)
        scatter.backward(G[plane : plane + planes], places, count, size, dI[plane : plane + planes], 0, planes)
