"""The gradient of max pooling whose 2 x 2 windows stand side by side, by far the most common one.

Each pixel lies in one window, so that every number of the gradient is written once: G where the pixel wins, else zero.
Nothing is looked up and no branch is taken. A vector holds windows side by side. The last vector of a row overlaps the
one before, since writing a number twice does no harm; if the row is shorter than a vector, it reads on in the rows
below, and of the result it writes what belongs to the row.
"""

from numba import njit

from lectcode.kernels.simd import (
    beats,
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


@njit(nogil=True, cache=True, inline="always")
def _vectors(images, p, W, gradients, q):
    """Return the gradients of a vector of windows: two vectors of the row above and two of the row below."""
    lanes, nothing = lanes_of(images), splat(images.dtype.type(0))
    one, two = load(images, p), load(images, p + lanes)
    a, b = evens(one, two), odds(one, two)
    one, two = load(images, p + W), load(images, p + W + lanes)
    c, d = evens(one, two), odds(one, two)
    right_above, right_below = beats(b, a), beats(d, c)
    below = beats(choose(right_below, d, c), choose(right_above, b, a))
    share = load(gradients, q)
    high, low = choose(below, nothing, share), choose(below, share, nothing)
    a, b = choose(right_above, nothing, high), choose(right_above, high, nothing)
    c, d = choose(right_below, nothing, low), choose(right_below, low, nothing)
    return zip_low(a, b), zip_high(a, b), zip_low(c, d), zip_high(c, d)


@njit(nogil=True, cache=True)
def _beats(b, a):
    """Tell whether b takes the lead from a, which comes first."""
    return (b > a) | ((b != b) & (a == a))


@njit(nogil=True, cache=True)
def _one_by_one(images, p, W, gradients, q, count, d):
    """Write the gradients of a row of windows where no vector may reach so far."""
    for w in range(count):
        d[p : p + 2] = 0
        d[p + W : p + W + 2] = 0
        above = p + 1 if _beats(images[p + 1], images[p]) else p
        below = p + W + 1 if _beats(images[p + W + 1], images[p + W]) else p + W
        d[below if _beats(images[below], images[above]) else above] = gradients[q + w]
        p += 2


@njit(nogil=True, cache=True)
def backward(G, I, dI, first, last):
    """Write the gradients of planes first, ..., last - 1."""
    (H, W), (H_out, W_out), lanes = I.shape[1:], G.shape[1:], lanes_of(I)
    gradients, images, d = G.reshape(-1), I.reshape(-1), dI.reshape(-1)
    for plane in range(first, last):  # plane alone writes dI[plane]
        for h in range(H_out):
            p, q = (plane * H + 2 * h) * W, (plane * H_out + h) * W_out
            if W_out >= lanes:
                for w in range(0, W_out, lanes):
                    w = min(w, W_out - lanes)
                    a, b, x, y = _vectors(images, p + 2 * w, W, gradients, q + w)
                    store(d, p + 2 * w, a)
                    store(d, p + 2 * w + lanes, b)
                    store(d, p + 2 * w + W, x)
                    store(d, p + 2 * w + W + lanes, y)
            elif p + W + 2 * lanes <= images.size and q + lanes <= gradients.size:
                a, b, x, y = _vectors(images, p, W, gradients, q)
                some, more = min(2 * W_out, lanes), max(2 * W_out - lanes, 0)
                store_first(d, p, a, some)
                store_first(d, p + lanes, b, more)
                store_first(d, p + W, x, some)
                store_first(d, p + W + lanes, y, more)
            else:
                _one_by_one(images, p, W, gradients, q, W_out, d)
            if 2 * W_out < W:
                d[p + 2 * W_out : p + W] = 0
                d[p + W + 2 * W_out : p + 2 * W] = 0
        if 2 * H_out < H:
            d[(plane * H + 2 * H_out) * W : (plane + 1) * H * W] = 0
