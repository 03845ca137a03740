"""The gradients of pooling over whole planes, as before the last layer of a network: one window a plane.

Vectors hold pixels side by side. Of a maximum, the largest number is found first, and then where it stands first;
nearly all of the gradient is zero. Of a mean, all pixels receive the same.
"""

from numba import njit

from lectcode.kernels import plain
from lectcode.kernels.simd import (
    anywhere,
    choose,
    equal,
    first_true,
    lanes,
    lanes_of,
    larger,
    largest_of,
    load,
    splat,
    store,
)


def applies(geometry, dtype):
    """Tell whether the only window is the input, and no shorter than a vector of floats."""
    (H, W) = geometry.input_size
    return (
        dtype.kind == "f"
        and geometry.output_size == (1, 1)
        and geometry.kernel_size == geometry.input_size
        and geometry.dilation == (1, 1)
        and geometry.before == (0, 0)
        and lanes(dtype) <= H * W
    )


@njit(nogil=True, cache=True)
def _first_largest(x, begin, end):
    """Return where the largest of the numbers x[begin], ..., x[end - 1] stands first; none of them is NaN."""
    lanes = lanes_of(x)
    largest = load(x, end - lanes)  # the last vector begins earlier than its turn, so that it ends with them
    for p in range(begin, end - lanes, lanes):
        pixels = load(x, p)
        largest = choose(larger(pixels, largest), pixels, largest)
    value = splat(largest_of(largest))
    place = end - lanes + first_true(equal(load(x, end - lanes), value))  # if it stands there and nowhere before
    for p in range(begin + (end - lanes - begin) // lanes * lanes, begin - 1, -lanes):
        here = equal(load(x, p), value)
        place = p + first_true(here) if anywhere(here) else place
    return place


@njit(nogil=True, cache=True)
def max_backward(G, I, dI, first, last):
    """Write the gradients of planes first, ..., last - 1."""
    size, lanes, zero = I.shape[1] * I.shape[2], lanes_of(I), splat(dI.dtype.type(0))
    gradients, images, d = G.reshape(-1), I.reshape(-1), dI.reshape(-1)
    together = max(1, plain.PIXELS // size)
    for plane in range(first, last, together):  # who calls alone writes these planes of dI
        end = min(plane + together, last)
        if plain.has_nan(images, plane * size, end * size):
            plain.max_backward(G, I, I.shape[1:], (1, 1), (1, 1), (0, 0), dI, plane, end)
            continue
        for p in range(plane * size, end * size - lanes, lanes):
            store(d, p, zero)
        store(d, end * size - lanes, zero)
        for i in range(plane, end):
            d[_first_largest(images, i * size, (i + 1) * size)] = gradients[i]


@njit(nogil=True, cache=True)
def avg_backward(G, divisors, dI, first, last):
    """Write the gradients of planes first, ..., last - 1: G, divided by `divisors` unless None."""
    size, lanes, gradients, d = dI.shape[1] * dI.shape[2], lanes_of(dI), G.reshape(-1), dI.reshape(-1)
    for plane in range(first, last):  # plane alone writes dI[plane]
        share, end = splat(gradients[plane]), (plane + 1) * size
        if divisors is not None:
            share = share / splat(divisors[0, 0])
        for p in range(end - size, end - lanes, lanes):
            store(d, p, share)
        store(d, end - lanes, share)
