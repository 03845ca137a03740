"""Maxima and means of whole planes, as before the last layer of a network, and gradients: one window a plane.

Vectors hold pixels side by side. Of a maximum, the largest number is found first, and then where it stands first: the
truth values of up to 64 comparisons are the bits of one integer, a word, and the lowest bit that is 1 says which of
them it is, without a branch that the processor would have to guess. Nearly all of the gradient is zero. Of a mean, all
pixels receive the same. Of its sum, each lane adds up some pixels; what the lanes have is added for as many planes at
once as there are lanes.
"""

import numpy as np

from lectcode.kernels.abreast import starts
from lectcode.kernels.compiled import entry, inlined, inner
from lectcode.kernels.simd import (
    anywhere,
    between,
    bits_of,
    choose,
    equal,
    first_bit,
    lanes,
    lanes_of,
    larger,
    largest_of,
    load,
    splat,
    store,
    store_first,
    transpose,
    undefined,
)

PIXELS = 2**12  # of planes that are computed together: their gradients stay in the first-level cache


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


@inlined
def _word_of(x):
    """Return how many pixels a word stands for: as many as an integer has bits, or 8 vectors if that is less."""
    return min(64, 8 * lanes_of(x))


@inlined
def _largest(x, p, size):
    """Return a vector that holds the largest of a word's pixels x[p], ..., and where there were NaN.

    If the plane has fewer pixels, `size`, vectors that would leave it begin earlier: their number is a constant, and
    LLVM makes no loop of them.
    """
    lanes = lanes_of(x)
    largest = load(x, p)
    nan = undefined(largest, largest)
    for k in range(lanes, _word_of(x), lanes):
        pixels = load(x, p + min(k, size - lanes))
        nan, largest = nan | undefined(pixels, pixels), choose(larger(pixels, largest), pixels, largest)
    return largest, nan


@inlined
def _places(x, p, size, value):
    """Return the word of which bit k is 1 where pixel x[p + k] equals the lanes of `value`; vectors as in _largest."""
    lanes, places = lanes_of(x), 0
    for k in range(0, _word_of(x), lanes):
        first = min(k, size - lanes)
        places |= bits_of(equal(load(x, p + first), value)) << first
    return places


@inner
def _first_nan(x, p):
    """Return where the first NaN stands from x[p] on: there is one."""
    while x[p] == x[p]:
        p += 1
    return p


@inner
def _find_in_words(x, size, first, last, winners):
    """Write where the winners of planes first, ..., last - 1 stand. Each plane is one word.

    They are looked for, in vain, even if they are NaN: behind a branch LLVM would read again what is in registers.
    """
    for plane in range(first, last):
        p = plane * size
        largest, nan = _largest(x, p, size)
        winner = p + first_bit(_places(x, p, size, splat(largest_of(largest))))
        winners[plane - first] = _first_nan(x, p) if anywhere(nan) else winner


@inner
def _first_place(x, begin, end, value):
    """Return where one of x[begin], ..., x[end - 1], more than a word, first equals the lanes of `value`: one does."""
    word = _word_of(x)
    for p in range(begin, end - word, word):
        places = _places(x, p, word, value)
        if places:
            return p + first_bit(places)
    return end - word + first_bit(_places(x, end - word, word, value))


@inner
def _find_beyond_words(x, size, first, last, winners):
    """Write where the winners of planes first, ..., last - 1 stand. Each plane is more than a word."""
    word = _word_of(x)
    for plane in range(first, last):
        begin, end = plane * size, (plane + 1) * size
        largest, nan = _largest(x, end - word, word)  # the last word begins before its turn, so that it ends with them
        for p in range(begin, end - word, word):
            pixels, undefined_pixels = _largest(x, p, word)
            nan, largest = nan | undefined_pixels, choose(larger(pixels, largest), pixels, largest)
        if anywhere(nan):
            winners[plane - first] = _first_nan(x, begin)
        else:
            winners[plane - first] = _first_place(x, begin, end, splat(largest_of(largest)))


@inner
def _find(x, size, first, last, winners):
    """Write where the winners of planes first, ..., last - 1 stand."""
    if size <= _word_of(x):
        _find_in_words(x, size, first, last, winners)
    else:
        _find_beyond_words(x, size, first, last, winners)


@entry
def max_forward(I, winners, O, first, last):
    """Write the maxima of planes first, ..., last - 1, and which pixels they are unless `winners` is None."""
    size, images, results = I.shape[1] * I.shape[2], I.reshape(-1), O.reshape(-1)
    together = max(1, PIXELS // size)
    found = np.empty(together, np.uint64)  # unsigned: no index that might count from the end
    for plane in range(first, last, together):  # who calls alone writes these numbers
        end = min(plane + together, last)
        _find(images, size, plane, end, found)
        for i in range(end - plane):
            results[plane + i] = images[found[i]]
            if winners is not None:
                winners[plane + i, 0, 0] = np.int64(found[i]) - (plane + i) * size


@entry
def max_backward(G, I, dI, first, last):
    """Write the gradients of planes first, ..., last - 1.

    The winners of many planes are found before the first gradient is written: as long as a processor does not know
    where it will write, it is slow to read on.
    """
    size, lanes, zero = I.shape[1] * I.shape[2], lanes_of(I), splat(dI.dtype.type(0))
    gradients, images, d = G.reshape(-1), I.reshape(-1), dI.reshape(-1)
    together = max(1, PIXELS // size)
    winners = np.empty(together, np.uint64)
    for plane in range(first, last, together):  # who calls alone writes these planes of dI
        end = min(plane + together, last)
        _find(images, size, plane, end, winners)
        for p in range(plane * size, end * size - lanes, lanes):
            store(d, p, zero)
        store(d, end * size - lanes, zero)
        for i, gradient in enumerate(gradients[plane:end]):
            d[winners[i]] = gradient


@entry
def avg_forward(I, divisors, O, workspace, first, last):
    """Write the sums, divided by `divisors` if there are any, of the groups of planes first, ..., last - 1.

    A group has as many planes as a vector has lanes. The workspace holds two squares of as many numbers.
    """
    size, lanes = I.shape[1] * I.shape[2], lanes_of(I)
    images, results, rows = I.reshape(-1), O.reshape(-1), np.empty(lanes, np.int64)
    starts(lanes, lanes, rows)
    sums, turned = workspace[: lanes * lanes], workspace[lanes * lanes :]
    rest = size % lanes
    # The last pixels, fewer than a vector, stand at the end of one that begins earlier. -0 changes no sum, not even -0.
    end, nothing = between(images, lanes - rest, lanes), splat(I.dtype.type(-0.0))
    for group in range(first, last):  # group alone writes its numbers of O
        plane, planes = group * lanes, min(lanes, len(I) - group * lanes)
        for i in range(lanes):  # lanes without a plane repeat the last one
            p = (plane + min(i, planes - 1)) * size
            total = choose(end, load(images, p + size - lanes), nothing)
            for q in range(p, p + size - rest, lanes):
                total = total + load(images, q)
            store(sums, i * lanes, total)
        transpose(sums, 0, rows, 0, turned, 0, lanes)
        total = load(turned, 0)
        for i in range(1, lanes):
            total = total + load(turned, i * lanes)
        if divisors.size > 0:
            total = total / splat(divisors[0, 0])
        store_first(results, plane, total, planes)


@entry
def avg_backward(G, divisors, dI, first, last):
    """Write the gradients of planes first, ..., last - 1: G, divided by `divisors` if there are any."""
    size, lanes, gradients, d = dI.shape[1] * dI.shape[2], lanes_of(dI), G.reshape(-1), dI.reshape(-1)
    for plane in range(first, last):  # plane alone writes dI[plane]
        share, end = splat(gradients[plane]), (plane + 1) * size
        if divisors.size > 0:
            share = share / splat(divisors[0, 0])
        for p in range(end - size, end - lanes, lanes):
            store(d, p, share)
        store(d, end - lanes, share)
