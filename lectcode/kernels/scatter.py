"""The gradient of max pooling if the winners are known: each window adds its number of G to the pixel that it names.

A winner is the number of a pixel of its plane, u W + v. So it does not matter here how windows lie and overlap, and one
loop serves them all. A plane is one thread's alone: two windows may name the same pixel, but no two threads.
"""

import numpy as np

from lectcode.kernels.compiled import entry

NEAR = 512  # pixels of small planes that get their zeros at once


@entry
def backward(G, winners, count, size, dI, first, last):
    """Write the gradients of planes first, ..., last - 1, which have `count` windows and `size` pixels each.

    Small planes get their zeros together, all of them just before G is added: they are still in the cache.
    """
    gradients, places, d = G.reshape(-1), winners.reshape(-1), dI.reshape(-1)
    at_once = max(NEAR // size, 1)
    for begin in range(first, last, at_once):
        end = min(begin + at_once, last)
        d[begin * size : end * size] = 0
        for plane in range(begin, end):
            pixels = d[plane * size : (plane + 1) * size]
            shares, named = gradients[plane * count : (plane + 1) * count], places[plane * count : (plane + 1) * count]
            for window in range(count):
                pixels[np.uint64(named[window])] += shares[window]  # unsigned: no index that might count from the end


@entry
def outside(winners, size):
    """Return which winner is the first that is no pixel of a plane of this size; how many there are if all are."""
    places = winners.reshape(-1)
    least = largest = places.dtype.type(0)
    for window in range(places.size):  # without a way out: so LLVM makes vectors of it
        least, largest = min(least, places[window]), max(largest, places[window])
    if least < 0 or largest >= size:
        window = 0
        while 0 <= places[window] < size:
            window += 1
        return window
    return places.size
