"""Pooling as many planes at once as a vector has lanes: pixel p of all of them stands side by side, in one vector.

Then the loops are those of the definition, one window after the other, with vectors where numbers stood. No lane is
idle, however small the planes, whatever kernel, stride, padding and dilation. The price is a copy there and one back,
in blocks that are turned in registers.
"""

import numpy as np

from lectcode.kernels.compiled import entry, inner
from lectcode.kernels.simd import beats, choose, lanes_of, load, splat, store, transpose

VECTORS = 2**12  # of the copies that are worked on together: they stay in the second-level cache


def forward_room(geometry, lanes):
    """Return how many rows of the output are computed at once, and how many numbers the workspace must hold."""
    span, (H, W), (H_out, W_out) = _span(geometry), geometry.input_size, geometry.output_size
    at_once = min(H_out, max(1, (VECTORS // W - span) // geometry.stride[0]))
    rows = min(H, (at_once - 1) * geometry.stride[0] + span + 1)
    return at_once, (rows * W + 2 * lanes + at_once * W_out) * lanes


def backward_room(geometry, lanes):
    """Return how many rows of the gradient are computed at once, and how many numbers the workspace must hold."""
    at_once, rows, windows = rows_at_once(geometry)
    return at_once, (rows * geometry.input_size[1] + windows * geometry.output_size[1] + 4 * lanes) * lanes


def rows_at_once(geometry):
    """Return how many rows of a gradient are computed at once, how many their windows reach, and how many those are."""
    span, (H, W) = _span(geometry), geometry.input_size
    at_once = min(H, max(1, span, VECTORS // (2 * W) - 2 * span))
    windows = min(geometry.output_size[0], (at_once + span) // geometry.stride[0] + 1)
    return at_once, min(H, at_once + 2 * span), windows


def _span(geometry):
    """Return how many rows lie between the first and the last one of a window."""
    return (geometry.kernel_size[0] - 1) * geometry.dilation[0]


@inner
def fetch(X, start, distances, begin, end, size, turned):
    """Turn pixels begin, ..., end - 1 of each plane: turned[p - begin + lanes, i] = X[start + distances[i] + p].

    The last block of a plane begins earlier and the last of a part ends later: there is a block of room on each side.
    """
    lanes = distances.size
    for p in range(begin, end, lanes if size >= lanes else 1):
        if size >= lanes:
            p = min(p, size - lanes)
            transpose(X, start + p, distances, 0, turned, (p - begin + lanes) * lanes, lanes)
        else:
            for i in range(lanes):
                turned[(p - begin + lanes) * lanes + i] = X[start + distances[i] + p]


@inner
def bring(turned, rows, planes, begin, end, size, Y, start):
    """Turn them back, for the first planes only: Y[start + i size + p] = turned[p - begin, i]."""
    lanes = rows.size
    whole = planes == lanes and end - begin >= lanes
    for p in range(begin, end, lanes if whole else 1):
        if whole:
            p = min(p, end - lanes)
            transpose(turned, (p - begin) * lanes, rows, 0, Y, start + p, size)
        else:
            for i in range(planes):
                Y[start + i * size + p] = turned[(p - begin) * lanes + i]


@inner
def starts(planes, size, distances):
    """Write where the planes begin that are `size` apart; lanes without a plane repeat the last one.

    In NumPy's words np.minimum(np.arange(lanes), planes - 1) * size, which takes Numba five times as long to compile.
    """
    for i in range(distances.size):
        distances[i] = min(i, planes - 1) * size


@inner
def inside(count, K, S, D, P, size):
    """Return for each window the first place inside the input and the last one, plus one."""
    ends = np.empty((count, 2), np.int64)
    for h in range(count):
        ends[h, 0] = max(0, -((h * S - P) // D))
        ends[h, 1] = min(K, -((h * S - P - size) // D))
    return ends


@inner
def reach(u_0, u_1, H, H_out, span, S, P):
    """Return the first window and the end of those that reach rows u_0, ..., u_1 - 1, and of the rows they reach."""
    h_0 = max(0, -((span - u_0 - P) // S))
    h_1 = max(min((u_1 - 1 + P) // S + 1, H_out), h_0)
    return h_0, h_1, max(min(h_0 * S - P, u_0), 0), min(max((h_1 - 1) * S - P + span + 1, u_1), H)


@inner
def window_places(rows, columns, row, column, places):
    """Write the distances of a window's places from its corner, and return their number."""
    n = 0
    for k_h in range(rows[0], rows[1]):
        for k_w in range(columns[0], columns[1]):
            places[n] = k_h * row + k_w * column
            n += 1
    return n


@inner
def as_before(ends, i):
    """Tell whether window i has the same places inside as the one before."""
    return i > 0 and ends[i, 0] == ends[i - 1, 0] and ends[i, 1] == ends[i - 1, 1]


@inner
def _maximum(x, places, n, q):
    """Return the largest numbers of window q: the first of equal ones, the first NaN before all."""
    value = load(x, q + places[0])
    for k in range(1, n):
        other = load(x, q + places[k])
        value = choose(beats(other, value), other, value)
    return value


@inner
def _total(x, places, n, q):
    """Return the sums of window q."""
    value = load(x, q + places[0])
    for k in range(1, n):
        value = value + load(x, q + places[k])
    return value


@inner
def _give_to_all(places, n, q, share, d):
    """Add the shares to every place of window q."""
    for k in range(n):
        store(d, q + places[k], load(d, q + places[k]) + share)


@entry
def forward(I, divisors, largest, kernel_size, stride, dilation, before, at_once, O, workspace, first, last):
    """Write the maxima, or the sums, divided by `divisors` if there are any, of groups first, ..., last - 1."""
    (K_h, K_w), (S_h, S_w), (D_h, D_w), (P_h, P_w) = kernel_size, stride, dilation, before
    (total, H, W), (H_out, W_out), lanes = I.shape, O.shape[1:], lanes_of(I)
    o, x = workspace[: at_once * W_out * lanes], workspace[at_once * W_out * lanes :]
    images, results = I.reshape(-1), O.reshape(-1)
    rows, which = np.empty(lanes, np.int64), np.empty(lanes, np.int64)
    starts(lanes, lanes, rows)
    inside_h, inside_w = inside(H_out, K_h, S_h, D_h, P_h, H), inside(W_out, K_w, S_w, D_w, P_w, W)
    places, n, divided = np.empty(K_h * K_w, np.int64), 0, divisors.size > 0
    for group in range(first, last):  # group alone writes its planes of O
        plane, planes = group * lanes, min(lanes, total - group * lanes)
        starts(planes, H * W, which)
        for h_0 in range(0, H_out, at_once):
            h_1 = min(h_0 + at_once, H_out)
            top, bottom = max(0, h_0 * S_h - P_h), min(H, (h_1 - 1) * S_h - P_h + (K_h - 1) * D_h + 1)
            fetch(images, plane * H * W, which, top * W, bottom * W, H * W, x)
            for h in range(h_0, h_1):
                for w in range(W_out):
                    if not as_before(inside_w, w):
                        n = window_places(inside_h[h], inside_w[w], D_h * W * lanes, D_w * lanes, places)
                    q = ((h * S_h - P_h - top) * W + w * S_w - P_w + lanes) * lanes
                    value = _maximum(x, places, n, q) if largest else _total(x, places, n, q)
                    if divided:
                        value = value / splat(divisors[h, w])
                    store(o, ((h - h_0) * W_out + w) * lanes, value)
            bring(o, rows, planes, h_0 * W_out, h_1 * W_out, H_out * W_out, results, plane * H_out * W_out)


@entry
def backward(G, divisors, kernel_size, stride, dilation, before, at_once, dI, workspace, first, last):
    """Write the gradients of the groups of planes first, ..., last - 1.

    Each pixel receives G, divided by `divisors` if there are any, of all windows that contain it.
    """
    (K_h, K_w), (S_h, S_w), (D_h, D_w), (P_h, P_w) = kernel_size, stride, dilation, before
    (total, H, W), (H_out, W_out), lanes = dI.shape, G.shape[1:], lanes_of(dI)
    span, size = (K_h - 1) * D_h, H_out * W_out
    pixels = min(H, at_once + 2 * span) * W * lanes
    d, g = workspace[:pixels], workspace[pixels:]
    gradients, results = G.reshape(-1), dI.reshape(-1)
    rows, which = np.empty(lanes, np.int64), np.empty(lanes, np.int64)
    starts(lanes, lanes, rows)
    inside_h, inside_w = inside(H_out, K_h, S_h, D_h, P_h, H), inside(W_out, K_w, S_w, D_w, P_w, W)
    places, n, divided = np.empty(K_h * K_w, np.int64), 0, divisors.size > 0
    nothing = splat(dI.dtype.type(0))
    for group in range(first, last):  # group alone writes its planes of dI
        plane, planes = group * lanes, min(lanes, total - group * lanes)
        starts(planes, size, which)
        for u_0 in range(0, H, at_once):
            u_1 = min(u_0 + at_once, H)
            h_0, h_1, top, bottom = reach(u_0, u_1, H, H_out, span, S_h, P_h)
            fetch(gradients, plane * size, which, h_0 * W_out, h_1 * W_out, size, g)
            for p in range(0, (bottom - top) * W * lanes, lanes):
                store(d, p, nothing)
            for h in range(h_0, h_1):
                for w in range(W_out):
                    if not as_before(inside_w, w):
                        n = window_places(inside_h[h], inside_w[w], D_h * W * lanes, D_w * lanes, places)
                    q = ((h * S_h - P_h - top) * W + w * S_w - P_w) * lanes
                    share = load(g, ((h - h_0) * W_out + w + lanes) * lanes)
                    if divided:
                        share = share / splat(divisors[h, w])
                    _give_to_all(places, n, q, share, d)
            bring(d[(u_0 - top) * W * lanes :], rows, planes, u_0 * W, u_1 * W, H * W, results, plane * H * W)
