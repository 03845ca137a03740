"""Pooling as many planes at once as a vector has lanes: pixel p of all of them stands side by side, in one vector.

Then the loops are those of the definition, one window after the other, with vectors where numbers stood. No lane is
idle, however small the planes, whatever kernel, stride, padding and dilation. The price is a copy there and one back,
in blocks that are turned in registers.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from lectcode.kernels.simd import BYTES, choose, larger, load, rank, same, splat, store, transpose

ROOM = 2**18  # bytes of the copies that are worked on together: they stay in the second-level cache


class Frame(NamedTuple):
    """The part of the plane, and of its surroundings, that is worked on together."""

    band: int  # rows of the input that are finished at once
    height: int  # rows of the input and the padding that the windows reach which reach these
    width: int
    windows: int  # rows of such windows


def frame(geometry, itemsize):
    """Return the frame, and the workspace for a group of planes, in numbers."""
    (H, W), (_, W_out), lanes = geometry.input_size, geometry.output_size, BYTES // itemsize
    span, reach = ((K - 1) * D for K, D in zip(geometry.kernel_size, geometry.dilation, strict=True))
    width = max(geometry.before[1] + W, (W_out - 1) * geometry.stride[1] + reach + 1)
    band = max(1, min(H, ROOM // (2 * width * BYTES) - 2 * span))
    windows = (band + span) // geometry.stride[0] + 1
    found = Frame(band, band + 2 * span + geometry.stride[0], width, windows)
    return found, (2 * found.height * width + found.height * W + windows * W_out + 3 * lanes) * lanes


@njit(nogil=True, cache=True)
def _fetch(X, start, distances, begin, end, size, turned, at):
    """Copy pixels begin, ..., end - 1 of each plane: turned[at + (p - begin) lanes + i] = X[start + distances[i] + p].

    The last block of a plane begins earlier, so up to one block before `at` is written too.
    """
    lanes = distances.size
    for p in range(begin, end, lanes if size >= lanes else 1):
        if size >= lanes:
            p = min(p, size - lanes)
            transpose(X, start + p, distances, 0, turned, at + (p - begin) * lanes, lanes)
        else:
            for i in range(lanes):
                turned[at + (p - begin) * lanes + i] = X[start + distances[i] + p]


@njit(nogil=True, cache=True)
def _bring(turned, at, lines, planes, begin, end, size, Y, start):
    """Copy pixels begin, ..., end - 1 back to the first `planes` planes; pixel p stands at turned[at + lines[p]]."""
    lanes = BYTES // Y.itemsize
    for p in range(begin, end, lanes if end - begin >= lanes == planes else 1):
        if end - begin >= lanes == planes:
            p = min(p, end - lanes)
            transpose(turned, at, lines, p, Y, start + p, size)
        else:
            for i in range(planes):
                Y[start + i * size + p] = turned[at + lines[p] + i]


@njit(nogil=True, cache=True)
def _share(ranks, places, numbers, q, share, d):
    """Add a vector of shares to those places of window q which hold the first of its highest ranks."""
    highest = load(ranks, q + places[0])
    for k in range(1, places.size):
        highest = larger(load(ranks, q + places[k]), highest)
    winner = splat(numbers[0])
    for k in range(places.size - 1, 0, -1):
        winner = choose(same(load(ranks, q + places[k]), highest), splat(numbers[k]), winner)
    winner = choose(same(load(ranks, q + places[0]), highest), splat(numbers[0]), winner)
    nothing = splat(d.dtype.type(0))
    for k in range(places.size):
        p = q + places[k]
        store(d, p, load(d, p) + choose(same(winner, splat(numbers[k])), share, nothing))


@njit(nogil=True, cache=True)
def max_backward(G, I, frame, kernel_size, stride, dilation, before, dI, workspace, first, last):
    """Write the gradients of the groups of planes first, ..., last - 1; the workspace holds integers as wide as I."""
    (K_h, K_w), (S_h, S_w), (D_h, D_w), (P_h, P_w) = kernel_size, stride, dilation, before
    (total, H, W), (H_out, W_out), lanes = I.shape, G.shape[1:], BYTES // I.itemsize
    span, line, size = (K_h - 1) * D_h, frame.width * lanes, H_out * W_out
    d_at = frame.height * line
    ranks, d = workspace[:d_at], workspace[d_at : 2 * d_at].view(I.dtype)
    x = workspace[2 * d_at :].view(I.dtype)
    g = x[(lanes + frame.height * W) * lanes :]
    images, gradients, results = I.reshape(-1), G.reshape(-1), dI.reshape(-1)
    places, numbers = np.empty(K_h * K_w, np.int64), np.empty(K_h * K_w, workspace.dtype)
    for k in range(K_h * K_w):
        places[k], numbers[k] = k // K_w * D_h * line + k % K_w * D_w * lanes, k
    lines = np.empty(H * W, np.int64)
    for p in range(H * W):
        lines[p] = p // W * line + p % W * lanes
    lowest, nothing = splat(workspace.dtype.type(np.iinfo(workspace.dtype).min)), splat(I.dtype.type(0))
    for group in range(first, last):  # group alone writes its planes of dI
        plane = group * lanes
        planes = min(lanes, total - plane)
        which = np.minimum(np.arange(lanes), planes - 1)
        for u_0 in range(0, H, frame.band):
            u_1 = min(u_0 + frame.band, H)
            h_0 = max(0, -((span - u_0 - P_h) // S_h))  # the windows that reach rows u_0, ..., u_1 - 1
            h_1 = max(min((u_1 - 1 + P_h) // S_h + 1, H_out), h_0)
            top = min(h_0 * S_h - P_h, u_0)
            u_first, u_last = max(top, 0), min(max((h_1 - 1) * S_h - P_h + span + 1, u_1), H)
            for p in range(0, d_at, lanes):
                store(ranks, p, lowest)
                store(d, p, nothing)
            _fetch(images, plane * H * W, which * (H * W), u_first * W, u_last * W, H * W, x, lanes * lanes)
            for u in range(u_first, u_last):
                to, from_ = (u - top) * line + P_w * lanes, ((u - u_first) * W + lanes) * lanes
                for v in range(0, W * lanes, lanes):
                    store(ranks, to + v, rank(load(x, from_ + v)))
            _fetch(gradients, plane * size, which * size, h_0 * W_out, h_1 * W_out, size, g, lanes * lanes)
            for h in range(h_0, h_1):
                q, p = (h * S_h - P_h - top) * line, ((h - h_0) * W_out + lanes) * lanes
                for w in range(W_out):
                    _share(ranks, places, numbers, q + w * S_w * lanes, load(g, p + w * lanes), d)
            at = P_w * lanes - top * line
            _bring(d, at, lines, planes, u_0 * W, u_1 * W, H * W, results, plane * H * W)
