"""Max pooling along one axis after the other, in loops over contiguous memory that the compiler turns into vectors.

The maximum of a window is the maximum of its rows' maxima. Along one axis, maxima over two overlapping stretches give
the maximum over both, so a kernel of length K takes about log2(K) passes: 1 -> 2 -> 3, 1 -> 2 -> 4 -> 7.

An image is read as one long line of pixels, its rows one after the other. A pass runs over the whole line, also where
a window would reach across the end of a row: those maxima are never looked at. They cost less than stopping at each
row, above all where rows are short.

Outside the image stands a pixel of the same window that lies inside, so no window needs to know where the image ends:
a pixel that is there twice does not change a maximum.

This serves integers, and planes that are too few to be worked on together (`abreast`).
"""

import numpy as np

from lectcode.kernels.compiled import entry, inner

BAND = 2048  # numbers that are worked on together: two such lines fit into any first cache


@entry
def frame_of(output_size, kernel_size, stride, dilation):
    """Return height and width of what all windows cover together."""
    (H_out, W_out), (K_h, K_w), (S_h, S_w), (D_h, D_w) = output_size, kernel_size, stride, dilation
    return (H_out - 1) * S_h + (K_h - 1) * D_h + 1, (W_out - 1) * S_w + (K_w - 1) * D_w + 1


@inner
def _nearest(u, H, D):
    """Return the position inside that is nearest to u in steps of D; any position if no window leads from u inside."""
    if u < 0:
        return min(u % D, H - 1)
    return u if u < H else max(H - 1 - (H - 1 - u) % D, 0)


@inner
def _larger(x, shift, count, y):
    """Write the larger of x[p] and x[p + shift] into y[p]: the first of equal ones, the first NaN before all."""
    later, y = x[shift : shift + count], y[:count]
    for p in range(count):
        a, b = x[p], later[p]
        y[p] = b if (b > a) | ((b != b) & (a == a)) else a


@inner
def _slide(x, axes, one, two):
    """Return the maxima over windows that begin at x[0], x[1], ...; one and two are room to work in.

    For each axis, `axes` holds the number of elements, their distance in x, and how many maxima are needed.
    """
    for K, distance, needed in axes:
        length = 1
        while length < K:
            step = min(length, K - length)  # the second stretch may overlap the first
            length += step
            _larger(x, step * distance, needed + (K - length) * distance, one)
            x, one, two = one, two, one
    return x


@inner
def _surround(image, frame_size, dilation, before, frame):
    """Write the image and, around it, pixels of the windows that reach outside into the frame."""
    (H, W), (height, width), left = image.shape, frame_size, before[1]
    right = min(left + W, width)
    for u in range(height):
        row, line = image[_nearest(u - before[0], H, dilation[0])], frame[u * width : (u + 1) * width]
        for v in range(left):
            line[v] = row[_nearest(v - left, W, dilation[1])]
        inner = line[left:right]
        for v in range(right - left):
            inner[v] = row[v]
        for v in range(right, width):
            line[v] = row[_nearest(v - left, W, dilation[1])]


@entry(error_model="numpy")
def forward(I, kernel_size, stride, dilation, before, O, first, last):
    """Write the maxima of planes first, ..., last - 1; each plane alone writes its part of O."""
    (K_h, K_w), (S_h, S_w), (D_h, D_w) = kernel_size, stride, dilation
    H, W = I.shape[1:]
    H_out, W_out = O.shape[1:]
    frame_size = frame_of((H_out, W_out), kernel_size, stride, dilation)
    framed = before[0] > 0 or before[1] > 0 or frame_size[0] > H or frame_size[1] > W
    pitch, span = frame_size[1] if framed else W, (K_h - 1) * D_h
    frame = np.empty(frame_size[0] * frame_size[1] if framed else 0, I.dtype)
    band = max(1, min(H_out, (BAND // pitch - span) // S_h + 1))
    room = ((band - 1) * S_h + span + 1) * pitch
    one, two = np.empty(room, I.dtype), np.empty(room, I.dtype)
    solid = K_w == pitch and D_h == 1 and D_w == 1  # whole rows: a window is one stretch of the line
    for plane in range(first, last):
        x = I[plane].reshape(H * W)
        if framed:
            _surround(I[plane], frame_size, dilation, before, frame)
            x = frame
        for h_0 in range(0, H_out, band):
            rows = min(band, H_out - h_0)
            reach = (rows - 1) * S_h * pitch + (W_out - 1) * S_w + 1
            axes = (K_w, D_w, reach + span * pitch), (K_h, D_h * pitch, reach)  # rows first: so the first wins
            if solid:
                axes = (K_h * K_w, 1, reach), (1, 1, reach)
            maxima = _slide(x[h_0 * S_h * pitch :], axes, one, two)
            for h in range(rows):
                line, picked = O[plane, h_0 + h], maxima[h * S_h * pitch :]
                if S_w == 1:
                    for w in range(W_out):
                        line[w] = picked[w]
                else:
                    for w in range(W_out):
                        line[w] = picked[w * S_w]
