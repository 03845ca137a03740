"""The gradient of max pooling if the winners are known: each window adds its number of G to the pixel that it names.

A winner is the number of a pixel of its plane, u W + v. So it does not matter here how windows lie and overlap, and one
loop serves them all. A plane is one thread's alone: two windows may name the same pixel, but no two threads.
"""

import numpy as np

from lectcode.kernels.compiled import entry


@entry
def backward(G, winners, count, size, dI, first, last):
    """Write the gradients of planes first, ..., last - 1, which have `count` windows and `size` pixels each.

    A plane at a time: its zeros are still in the cache when G is added to them.
    """
    gradients, places, d = G.reshape(-1), winners.reshape(-1), dI.reshape(-1)
    for plane in range(first, last):
        pixels = d[plane * size : (plane + 1) * size]
        pixels[:] = 0
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
        for window in range(places.size):
            if not 0 <= places[window] < size:
                return window
    return places.size
