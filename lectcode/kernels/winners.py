"""The gradient of max pooling, by vectors: first every window finds its winner, then every pixel collects its share.

The plane is copied with -inf around it and sorted by phase, as for a convolution (`panels`): what one place of the
window meets in neighbouring windows stands side by side, whatever the stride, and a vector runs on from row to row. So
a vector of windows meets its places one after the other, and keeps the largest number and the place it was met at.

The share is collected, not handed out. The pixel at place k of window (h, w) adds G[h, w] if the winner of that window
is at k. To hand it out would be one number at a time, each waiting for the one before, as neighbouring windows often
share their winner.
"""

import numpy as np
from numba import njit

from lectcode.kernels.panels import pad_plane
from lectcode.kernels.simd import BYTES, beats, choose, load, same, splat, store, zip_high, zip_low

ROOM = 2**15  # numbers of a band's copies: they stay in the second-level cache


@njit(nogil=True, cache=True)
def _first_places(kernel_size, stride, dilation, before, places, h_0, rows, columns, pitch, found):
    """Write the first place inside the input of each window, rows h_0, ..., h_0 + rows - 1: it wins until beaten."""
    for i in range(rows):
        k_h = max(0, -((((h_0 + i) * stride[0] - before[0])) // dilation[0]))
        for w in range(columns):
            k_w = max(0, -((w * stride[1] - before[1]) // dilation[1]))
            found[i * pitch + w] = places[min(k_h, kernel_size[0] - 1) * kernel_size[1] + min(k_w, kernel_size[1] - 1)]


@njit(nogil=True, cache=True)
def _find(X, at, places, found, winners, begin, end):
    """Write the winner of the windows begin, ..., end - 1; place k of window q is X[q + at[k]]."""
    lowest = splat(X.dtype.type(-np.inf))
    for q in range(begin, end, BYTES // X.itemsize):
        best, winner = lowest, load(found, q)
        for k in range(at.size):
            x = load(X, q + at[k])
            ahead = beats(x, best)
            best, winner = choose(ahead, x, best), choose(ahead, splat(places[k]), winner)
        store(winners, q, winner)


@njit(nogil=True, cache=True)
def _collect(g, winners, first, places, back, count, d, start):
    """Write the shares of `count` pixels of one phase; pixel p is at place places[j] of window first + p - back[j]."""
    nothing = splat(d.dtype.type(0))
    for p in range(0, count, BYTES // d.itemsize):
        share = nothing
        for j in range(places.size):
            q = first + p - back[j]
            share = choose(same(load(winners, q), splat(places[j])), share + load(g, q), share)
        store(d, start + p, share)


@njit(nogil=True, cache=True)
def _unsort(d, start, distance, corner, stride, row, to, count):
    """Write row[to + v] for v < count: pixel v is in phase (v + corner) mod S, the phases are `distance` apart in d.

    Up to two vectors are written past the row's end: rows are written in their order.
    """
    lanes = BYTES // d.itemsize
    v = 0
    if stride == 1:
        while v < count and to + v + lanes <= row.size:
            store(row, to + v, load(d, start + corner + v))
            v += lanes
    elif stride == 2:
        one = start + corner % 2 * distance + corner // 2
        two = start + (corner + 1) % 2 * distance + (corner + 1) // 2
        while v < count and to + v + 2 * lanes <= row.size:
            a, b = load(d, one + v // 2), load(d, two + v // 2)
            store(row, to + v, zip_low(a, b))
            store(row, to + v + lanes, zip_high(a, b))
            v += 2 * lanes
    while v < count:  # other strides, and the end, past which nothing is written
        t = v + corner
        row[to + v] = d[start + t % stride * distance + t // stride]
        v += 1


@njit(nogil=True, cache=True)
def backward(G, I, places, kernel_size, stride, dilation, before, dI, first, last):
    """Write the gradients of planes first, ..., last - 1; `places` counts the places of a window, as integers."""
    (K_h, K_w), (S_h, S_w), (D_h, D_w), (P_h, P_w) = kernel_size, stride, dilation, before
    (H, W), (H_out, W_out), lanes = I.shape[1:], G.shape[1:], BYTES // I.itemsize
    # A window reaches this many rows and columns of its phase ahead. A row of G has so many zeros after its end that a
    # pixel which looks back past the row's beginning meets them.
    ahead_h, ahead_w = (K_h - 1) * D_h // S_h, (K_w - 1) * D_w // S_w
    height, pitch = -(-(P_h + H) // S_h), max(W_out + ahead_w, -(-(P_w + W) // S_w))
    met = min(S_h, (K_h - 1) * D_h + 1), min(S_w, (K_w - 1) * D_w + 1)  # phases that any window meets
    per_row = pitch * (met[0] * met[1] + 3 + S_h * S_w)
    band = min(height, max(ROOM // per_row - 2 * ahead_h, 4 * ahead_h, 1))
    windows, phase = (band + ahead_h) * pitch, (band + 2 * ahead_h) * pitch
    extent = band + 2 * ahead_h, pitch
    X = np.zeros(met[0] * met[1] * phase + ahead_w + lanes, I.dtype)
    g = np.zeros(ahead_w + windows + lanes, I.dtype)
    found, winners = np.zeros(g.size, places.dtype), np.zeros(g.size, places.dtype)
    d = np.zeros(S_h * S_w * band * pitch + P_w + lanes, I.dtype)
    at, back, order = np.empty(places.size, np.int64), np.empty(places.size, np.int64), np.empty_like(places)
    starts, n = np.empty(S_h * S_w + 1, np.int64), 0
    for f in range(S_h * S_w):  # the places sorted by the phase they meet
        starts[f] = n
        for k in range(K_h * K_w):
            (y, a), (x, b) = divmod(k // K_w * D_h, S_h), divmod(k % K_w * D_w, S_w)
            if a * S_w + b == f:
                at[k] = (a * met[1] + b) * phase + y * pitch + x - ahead_w
                back[n], order[n] = y * pitch + x, places[k]
                n += 1
    starts[S_h * S_w] = n
    images, gradients, results = I.reshape(-1), G.reshape(-1), dI.reshape(-1)[: last * H * W]
    for plane in range(first, last):  # plane alone writes dI[plane]
        for r_0 in range(0, height, band):
            rows = min(band, height - r_0)
            top = r_0 - ahead_h  # the first row of windows; windows in rows that do not exist have G = 0
            if plane == first or band < height:
                _first_places(kernel_size, stride, dilation, before, places, top, rows + ahead_h, W_out, pitch, found[ahead_w:])
            corner = top * S_h - P_h, -P_w
            pad_plane(images, plane * H * W, (H, W), corner, stride, met, extent, X, 0, -np.inf)
            pad_plane(
                *(gradients, plane * H_out * W_out, (H_out, W_out), (top, 0), (1, 1), (1, 1)),
                *((rows + ahead_h, pitch), g, ahead_w),
            )
            begin, end = max(-top, 0), min(H_out - top, rows + ahead_h)
            _find(X, at, places, found, winners, ahead_w + begin * pitch, ahead_w + end * pitch)
            for f in range(S_h * S_w):
                j, stop = starts[f], starts[f + 1]
                _collect(
                    *(g, winners, ahead_w + ahead_h * pitch, order[j:stop], back[j:stop]),
                    *(rows * pitch, d, f * band * pitch),
                )
            for r in range(rows * S_h):
                u = r_0 * S_h + r - P_h
                if 0 <= u < H:
                    line = r % S_h * S_w * band * pitch + r // S_h * pitch
                    _unsort(d, line, band * pitch, P_w, S_w, results, (plane * H + u) * W, W)
