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
def _reached_by(ends, size, S, D, P):
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
                runs[n] = i, 1, begin, width
                n += 1
    return runs[:n]


@njit(nogil=True, cache=True, inline="always")
def _first_largest(x, q, distance, numbers, v, D, n):
    """Return the largest of x[q + k distance], k < n, and where it stands first: numbers[v + k D]."""
    value, winner = load(x, q), splat(numbers[v])
    for k in range(1, n):
        other = load(x, q + k * distance)
        later = beats(other, value)
        value, winner = choose(later, other, value), choose(later, splat(numbers[v + k * D]), winner)
    return value, winner


@njit(nogil=True, cache=True)
def _find(x, q, steps, numbers, v, v_steps, n, lines, count, maxima, winners, p, line):
    """Find in each of lines x count windows of n places the largest number and the first place where it stands."""
    (q_line, q_step, distance), (v_line, v_step, D), lanes = steps, v_steps, lanes_of(x)
    for i in range(lines):
        for j in range(count):
            a, b, c = q + i * q_line + j * q_step, v + i * v_line + j * v_step, p + i * line + j * lanes
            if n == 3:
                value, winner = _first_largest(x, a, distance, numbers, b, D, 3)
            else:
                value, winner = _first_largest(x, a, distance, numbers, b, D, n)
            store(maxima, c, value)
            store(winners, c, winner)


@njit(nogil=True, cache=True, inline="always")
def _won(winners, q, shares, p, distance, number, n):
    """Return the sum of the shares of those of n windows whose winner is `number`."""
    total = splat(shares.dtype.type(0))
    for k in range(n):
        here = same(load(winners, q + k * distance), number)
        total = choose(here, total + load(shares, p + k * distance), total)
    return total


@njit(nogil=True, cache=True)
def _gather(winners, q, shares, p, line, distance, numbers, v, v_steps, n, lines, count, d, r, steps):
    """Write for each of lines x count pixels the sum of what it wins from n windows.

    The usual numbers are branches of their own: LLVM then makes loops without a loop inside.
    """
    (r_line, r_step), (v_line, v_step), lanes = steps, v_steps, lanes_of(d)
    for i in range(lines):
        for j in range(count):
            a, b, c = q + i * line + j * lanes, p + i * line + j * lanes, r + i * r_line + j * r_step
            number = splat(numbers[v + i * v_line + j * v_step])
            if n == 1:
                won = _won(winners, a, shares, b, distance, number, 1)
            elif n == 2:
                won = _won(winners, a, shares, b, distance, number, 2)
            elif n == 3:
                won = _won(winners, a, shares, b, distance, number, 3)
            else:
                won = _won(winners, a, shares, b, distance, number, n)
            store(d, c, won)


@njit(nogil=True, cache=True)
def backward(G, I, kernel_size, stride, dilation, before, at_once, dI, workspace, first, last):
    """Write the gradients of the groups of planes first, ..., last - 1. The workspace holds integers as wide."""
    (K_h, K_w), (S_h, S_w), (D_h, D_w), (P_h, P_w) = kernel_size, stride, dilation, before
    (total, H, W), (H_out, W_out), lanes = dI.shape, G.shape[1:], lanes_of(dI)
    span, size, row, line, block = (K_h - 1) * D_h, H_out * W_out, W * lanes, W_out * lanes, lanes * lanes
    none, one = np.int64(0), np.int64(1)  # not 0 and 1, for which Numba would compile functions of their own
    most, windows = min(H, at_once + 2 * span), min(H_out, (at_once + span) // S_h + 1)
    columns, rest = workspace[: most * line], workspace[most * line :]  # where the maxima of the rows stand
    chosen, rest = rest[: windows * line], rest[windows * line :]  # and which of these rows wins
    rest = rest.view(dI.dtype)
    maxima, rest = rest[: most * line], rest[most * line :]
    room = max(most * row, windows * line) + 2 * block
    x, g = rest[:room], rest[room:]
    numbers = np.arange(max(H, W)).astype(workspace.dtype)
    gradients, images, results, rows = G.reshape(-1), I.reshape(-1), dI.reshape(-1), np.arange(lanes) * lanes
    places_h, places_w = inside(H_out, K_h, S_h, D_h, P_h, H), inside(W_out, K_w, S_w, D_w, P_w, W)
    pixels_h, pixels_w = _reached_by(places_h, H, S_h, D_h, P_h), _reached_by(places_w, W, S_w, D_w, P_w)
    # From here on, no places but pixels: where each window enters the input, and that plus D times its places inside.
    for axis, S, D, P in ((places_h, S_h, D_h, P_h), (places_w, S_w, D_w, P_w)):
        for i in range(len(axis)):
            axis[i] = axis[i] * D + (i * S - P)
    runs_w, turns_w = _runs(places_w, none, W_out, one, S_w), _runs(pixels_w, none, W, S_w, one)
    for group in range(first, last):  # group alone writes its planes of dI
        plane, planes = group * lanes, min(lanes, total - group * lanes)
        which = np.minimum(np.arange(lanes), planes - 1)  # lanes without a plane repeat the last one
        for u_0 in range(0, H, at_once):
            u_1 = min(u_0 + at_once, H)
            h_0, h_1, top, bottom = reach(u_0, u_1, H, H_out, span, S_h, P_h)
            fetch(gradients, plane * size, which * size, h_0 * W_out, h_1 * W_out, size, g)
            fetch(images, plane * H * W, which * (H * W), top * W, bottom * W, H * W, x)
            steps = row, S_w * lanes, D_w * lanes
            for w, count, v, width in runs_w:
                n = width // D_w
                _find(
                    x,
                    block + v * lanes,
                    steps,
                    numbers,
                    v,
                    (none, S_w, D_w),
                    n,
                    bottom - top,
                    count,
                    maxima,
                    columns,
                    w * lanes,
                    line,
                )
            steps = S_h * line, lanes, D_h * line  # nobody needs the maxima of the windows, nor x any more: its place
            for h, lines, u, width in _runs(places_h, h_0, h_1, one, S_h):
                n = width // D_h
                _find(
                    maxima,
                    (u - top) * line,
                    steps,
                    numbers,
                    u,
                    (S_h, none, D_h),
                    n,
                    lines,
                    W_out,
                    x,
                    chosen,
                    (h - h_0) * line,
                    line,
                )
            for u, lines, h, n in _runs(pixels_h, u_0, u_1, S_h, one):
                p = (h - h_0) * line
                _gather(
                    chosen,
                    p,
                    g,
                    p + block,
                    line,
                    line,
                    numbers,
                    u,
                    (S_h, none),
                    n,
                    lines,
                    W_out,
                    maxima,
                    (u - u_0) * line,
                    (S_h * line, lanes),
                )
            for v, count, w, n in turns_w:
                _gather(
                    columns,
                    (u_0 - top) * line + w * lanes,
                    maxima,
                    w * lanes,
                    line,
                    lanes,
                    numbers,
                    v,
                    (none, S_w),
                    n,
                    u_1 - u_0,
                    count,
                    x,
                    v * lanes,
                    (row, S_w * lanes),
                )
            bring(x, rows, planes, u_0 * W, u_1 * W, H * W, results, plane * H * W)
