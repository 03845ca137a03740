"""The gradient of max pooling, as many planes at once as a vector has lanes (see `abreast`), one axis after the other.

The maximum of a window is the maximum of its rows' maxima. So its winner is found in two steps, along the row and down
the column, and the gradient goes back in two steps: from the windows down to the winning rows, and there along to the
winning pixels. Windows side by side share what they have in common, and 3 x 3 places cost 3 + 3 comparisons. In each
step ties go to the first and the first NaN beats all, hence also in both together, in row-major order.

Going back, each number gathers what it wins: it is written once, and nothing waits for what was written just before.
"""

import numpy as np
from numba import njit

from lectcode.kernels.abreast import bring, fetch, inside, reach, rows_at_once
from lectcode.kernels.simd import beats, choose, lanes_of, load, same, splat, store


def room(geometry, lanes):
    """Return how many rows of the gradient are computed at once, and how many numbers the workspace must hold."""
    (at_once, rows, windows), W, W_out = rows_at_once(geometry), geometry.input_size[1], geometry.output_size[1]
    return at_once, (max(rows * W, windows * W_out) + 2 * (rows + windows) * W_out + 4 * lanes) * lanes


@njit(nogil=True, cache=True)
def _windows_of(ends, size, S, D, P):
    """Return for each pixel of an axis the first window that contains it and the last one, plus one.

    Of dilated windows, some between them do not: none of those has its winner there.
    """
    windows = np.zeros((size, 2), np.int64)
    for w in range(len(ends)):
        for k in range(ends[w, 0], ends[w, 1]):
            v = w * S - P + k * D
            if windows[v, 1] == 0:
                windows[v, 0] = w
            windows[v, 1] = w + 1
    return windows


@njit(nogil=True, cache=True)
def _runs(ends, first, last, period, advance):
    """Return stretches of ends[first : last], in which every period-th row is the one before plus `advance`.

    A row of the result holds where the stretch begins, how many rows it has, its first row's begin and its width.
    """
    runs, n = np.empty((last - first, 4), np.int64), 0
    for phase in range(first, min(first + period, last)):
        for i in range(phase, last, period):
            begin, width = ends[i, 0], ends[i, 1] - ends[i, 0]
            if i > phase and width == runs[n - 1, 3] and begin == ends[i - period, 0] + advance:
                runs[n - 1, 1] += 1
            else:
                runs[n, 0], runs[n, 1], runs[n, 2], runs[n, 3] = i, 1, begin, width
                n += 1
    return runs[:n]


@njit(nogil=True, cache=True, inline="always")
def _first_largest(x, q, distance, numbers, n):
    """Return the largest of x[q + k distance], k < n, and where it stands first: numbers[k]."""
    value, winner = load(x, q), splat(numbers[0])
    for k in range(1, n):
        other = load(x, q + k * distance)
        later = beats(other, value)
        value, winner = choose(later, other, value), choose(later, splat(numbers[k]), winner)
    return value, winner


@njit(nogil=True, cache=True)
def _find(x, q, q_line, q_step, distance, numbers, n, lines, count, maxima, winners, p, line):
    """Find in each of lines x count windows of n places the largest number and the first place where it stands."""
    lanes = lanes_of(x)
    for i in range(lines):
        for j in range(count):
            a, c = q + i * q_line + j * q_step, p + i * line + j * lanes
            if n == 3:
                value, winner = _first_largest(x, a, distance, numbers, 3)
            else:
                value, winner = _first_largest(x, a, distance, numbers, n)
            store(maxima, c, value)
            store(winners, c, winner)


@njit(nogil=True, cache=True, inline="always")
def _won(winners, q, shares, p, distance, numbers, n):
    """Return the sum of the shares of those of n windows of which this is place numbers[k]."""
    total = splat(shares.dtype.type(0))
    for k in range(n):
        here = same(load(winners, q + k * distance), splat(numbers[k]))
        total = choose(here, total + load(shares, p + k * distance), total)
    return total


@njit(nogil=True, cache=True)
def _gather(winners, q, shares, p, line, distance, numbers, n, lines, count, d, r, r_line, r_step):
    """Write for each of lines x count pixels the sum of what it wins from n windows.

    The usual numbers are branches of their own: LLVM then makes loops without a loop inside.
    """
    lanes = lanes_of(d)
    for i in range(lines):
        for j in range(count):
            a, b, c = q + i * line + j * lanes, p + i * line + j * lanes, r + i * r_line + j * r_step
            if n == 1:
                won = _won(winners, a, shares, b, distance, numbers, 1)
            elif n == 2:
                won = _won(winners, a, shares, b, distance, numbers, 2)
            elif n == 3:
                won = _won(winners, a, shares, b, distance, numbers, 3)
            else:
                won = _won(winners, a, shares, b, distance, numbers, n)
            store(d, c, won)


@njit(nogil=True, cache=True)
def _places(runs, S, D, P, none):
    """Return for each stretch of pixels which of the places of its windows they are; `none` if they are none."""
    most = 1
    for i in range(len(runs)):
        most = max(most, runs[i, 3])
    places = np.empty((len(runs), most), none.dtype)
    for i in range(len(runs)):
        for j in range(most):
            distance = runs[i, 0] + P - (runs[i, 2] + j) * S
            places[i, j] = distance // D if distance % D == 0 else none[0]
    return places


@njit(nogil=True, cache=True)
def backward(G, I, kernel_size, stride, dilation, before, at_once, dI, workspace, first, last):
    """Write the gradients of the groups of planes first, ..., last - 1. The workspace holds integers as wide."""
    (K_h, K_w), (S_h, S_w), (D_h, D_w), (P_h, P_w) = kernel_size, stride, dilation, before
    (total, H, W), (H_out, W_out), lanes = dI.shape, G.shape[1:], lanes_of(dI)
    span, size, row, line, block = (K_h - 1) * D_h, H_out * W_out, W * lanes, W_out * lanes, lanes * lanes
    zero, one = np.int64(0), np.int64(1)  # not 0 and 1, for which Numba would compile functions of their own
    most, windows = min(H, at_once + 2 * span), min(H_out, (at_once + span) // S_h + 1)
    columns, rest = workspace[: most * line], workspace[most * line :]  # where the maxima of the rows stand
    chosen, rest = rest[: windows * line], rest[windows * line :]  # and which of these rows wins
    rest = rest.view(dI.dtype)
    maxima, rest = rest[: most * line], rest[most * line :]
    room = max(most * row, windows * line) + 2 * block
    x, g = rest[:room], rest[room:]
    numbers, none = np.arange(max(K_h, K_w)).astype(workspace.dtype), np.full(1, -1, workspace.dtype)
    gradients, images, results, rows = G.reshape(-1), I.reshape(-1), dI.reshape(-1), np.arange(lanes) * lanes
    places_h, places_w = inside(H_out, K_h, S_h, D_h, P_h, H), inside(W_out, K_w, S_w, D_w, P_w, W)
    pixels_h, pixels_w = _windows_of(places_h, H, S_h, D_h, P_h), _windows_of(places_w, W, S_w, D_w, P_w)
    along, back_along = _runs(places_w, zero, W_out, one, zero), _runs(pixels_w, zero, W, S_w, one)
    places_along = _places(back_along, S_w, D_w, P_w, none)
    for u_0 in range(0, H, at_once):
        u_1 = min(u_0 + at_once, H)
        h_0, h_1, top, bottom = reach(u_0, u_1, H, H_out, span, S_h, P_h)
        down, back_down = _runs(places_h, h_0, h_1, one, zero), _runs(pixels_h, u_0, u_1, S_h, one)
        places_down = _places(back_down, S_h, D_h, P_h, none)
        for group in range(first, last):  # group alone writes its planes of dI
            plane, planes = group * lanes, min(lanes, total - group * lanes)
            which = np.minimum(np.arange(lanes), planes - 1)  # lanes without a plane repeat the last one
            fetch(gradients, plane * size, which * size, h_0 * W_out, h_1 * W_out, size, g)
            fetch(images, plane * H * W, which * (H * W), top * W, bottom * W, H * W, x)
            for i in range(len(along)):
                w, count, k, n = along[i, 0], along[i, 1], along[i, 2], along[i, 3]
                q = block + (w * S_w - P_w + k * D_w) * lanes
                to = maxima, columns, w * lanes, line
                _find(x, q, row, S_w * lanes, D_w * lanes, numbers[k:], n, bottom - top, count, *to)
            for i in range(len(down)):  # nobody needs the maxima of the windows, nor x any more: its place
                h, lines, k, n = down[i, 0], down[i, 1], down[i, 2], down[i, 3]
                q = (h * S_h - P_h + k * D_h - top) * line
                to = x, chosen, (h - h_0) * line, line
                _find(maxima, q, S_h * line, lanes, D_h * line, numbers[k:], n, lines, W_out, *to)
            for i in range(len(back_down)):
                u, lines, h, n = back_down[i, 0], back_down[i, 1], back_down[i, 2], back_down[i, 3]
                p = (h - h_0) * line
                to = maxima, (u - u_0) * line, S_h * line, lanes
                _gather(chosen, p, g, p + block, line, line, places_down[i], n, lines, W_out, *to)
            for i in range(len(back_along)):
                v, count, w, n = back_along[i, 0], back_along[i, 1], back_along[i, 2], back_along[i, 3]
                p, q = w * lanes, (u_0 - top) * line + w * lanes
                to = x, v * lanes, row, S_w * lanes
                _gather(columns, q, maxima, p, line, lanes, places_along[i], n, u_1 - u_0, count, *to)
            bring(x, rows, planes, u_0 * W, u_1 * W, H * W, results, plane * H * W)
