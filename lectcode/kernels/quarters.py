"""The gradient of max pooling whose 2 x 2 windows stand side by side, by far the most common one.

Each pixel lies in one window, so that every number of the gradient is written once: G where the pixel wins, else zero.
Nothing is looked up and no branch is taken. A vector holds windows side by side. The last vector of a row overlaps the
one before, since writing a number twice does no harm; if the row is shorter than a vector, it reads on in the rows
below, and of the result it writes what belongs to the row. Half a vector of windows shares it with the row of windows
below.
"""

from lectcode.kernels.compiled import entry, inlined, inner
from lectcode.kernels.simd import (
    beats,
    between,
    choose,
    evens,
    lanes_of,
    load,
    odds,
    splat,
    store,
    store_first,
    zip_high,
    zip_low,
)


def applies(geometry, dtype):
    """Tell whether the windows are 2 x 2, side by side and inside the input, and filled with floats."""
    return (
        dtype.kind == "f"
        and geometry.kernel_size == geometry.stride == (2, 2)
        and geometry.dilation == (1, 1)
        and geometry.before == (0, 0)
        and all(2 * length <= size for length, size in zip(geometry.output_size, geometry.input_size, strict=True))
    )


@inlined
def _vectors(images, p, far, W, share):
    """Return the gradients of a vector of windows: two vectors, `far` apart, above and the two below them."""
    nothing = splat(images.dtype.type(0))
    one, two = load(images, p), load(images, p + far)
    a, b = evens(one, two), odds(one, two)
    one, two = load(images, p + W), load(images, p + W + far)
    c, d = evens(one, two), odds(one, two)
    right_above, right_below = beats(b, a), beats(d, c)
    below = beats(choose(right_below, d, c), choose(right_above, b, a))
    high, low = choose(below, nothing, share), choose(below, share, nothing)
    a, b = choose(right_above, nothing, high), choose(right_above, high, nothing)
    c, d = choose(right_below, nothing, low), choose(right_below, low, nothing)
    return zip_low(a, b), zip_high(a, b), zip_low(c, d), zip_high(c, d)


@inner
def _beats(b, a):
    """Tell whether b takes the lead from a, which comes first."""
    return (b > a) | ((b != b) & (a == a))


@inner
def _one_by_one(images, p, W, gradients, q, count, d):
    """Write the gradients of a row of windows where no vector may reach so far."""
    for w in range(count):
        d[p] = d[p + 1] = d[p + W] = d[p + W + 1] = 0
        above = p + 1 if _beats(images[p + 1], images[p]) else p
        below = p + W + 1 if _beats(images[p + W + 1], images[p + W]) else p + W
        d[below if _beats(images[below], images[above]) else above] = gradients[q + w]
        p += 2


@inner
def _rows(images, p, W, gradients, q, W_out, count, d):
    """Write `count` rows of windows: the pixels from p on, and what lies to the right of the windows."""
    lanes, half = lanes_of(images), lanes_of(images) // 2
    left, h = between(images, 0, half), 0
    while h < count:
        rows, enough = 1, q + lanes <= gradients.size
        if W_out >= lanes:
            for w in range(0, W_out, lanes):
                w = min(w, W_out - lanes)
                v = p + 2 * w
                a, b, x, y = _vectors(images, v, lanes, W, load(gradients, q + w))
                store(d, v, a)
                store(d, v + lanes, b)
                store(d, v + W, x)
                store(d, v + W + lanes, y)
        elif h + 1 < count and W_out <= half <= q + W_out and enough:  # then images has enough as well
            rows, wide = 2, 2 * W_out
            share = choose(left, load(gradients, q), load(gradients, q + W_out - half))
            a, b, x, y = _vectors(images, p, 2 * W, W, share)
            store_first(d, p, a, wide)
            store_first(d, p + W, x, wide)
            store_first(d, p + 2 * W, b, wide)
            store_first(d, p + 3 * W, y, wide)
        elif enough and p + W + 2 * lanes <= images.size:
            a, b, x, y = _vectors(images, p, lanes, W, load(gradients, q))
            some, more = min(2 * W_out, lanes), max(2 * W_out - lanes, 0)
            store_first(d, p, a, some)
            store_first(d, p + lanes, b, more)
            store_first(d, p + W, x, some)
            store_first(d, p + W + lanes, y, more)
        else:
            _one_by_one(images, p, W, gradients, q, W_out, d)
        if 2 * W_out < W:
            for u in range(2 * rows):
                d[p + u * W + 2 * W_out : p + (u + 1) * W] = 0
        h, p, q = h + rows, p + 2 * rows * W, q + rows * W_out


@entry
def backward(G, I, dI, first, last):
    """Write the gradients of planes first, ..., last - 1."""
    (H, W), (H_out, W_out) = I.shape[1:], G.shape[1:]
    gradients, images, d = G.reshape(-1), I.reshape(-1), dI.reshape(-1)
    if 2 * H_out == H:  # the planes are one tall one
        _rows(images, first * H * W, W, gradients, first * H_out * W_out, W_out, (last - first) * H_out, d)
        return
    for plane in range(first, last):  # plane alone writes dI[plane]
        _rows(images, plane * H * W, W, gradients, plane * H_out * W_out, W_out, H_out, d)
        d[(plane * H + 2 * H_out) * W : (plane + 1) * H * W] = 0
