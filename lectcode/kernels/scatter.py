"""The gradient of max pooling if the winners are known: each window adds its number of G to the pixel that it names.

A winner is the number of a pixel of its plane, u W + v. So it does not matter here how windows lie and overlap, and one
loop serves them all. A plane is one thread's alone: two windows may name the same pixel, but no two threads.
"""

import numpy as np
from numba import njit


@njit(nogil=True, cache=True)
def backward(G, winners, dI, first, last):
    """Write the gradients of planes first, ..., last - 1.

    A plane at a time: its zeros are still in the cache when G is added to them.
    """
    count, size = G.shape[1] * G.shape[2], dI.shape[1] * dI.shape[2]
    gradients, places, d = G.reshape(-1), winners.reshape(-1), dI.reshape(-1)
    for plane in range(first, last):
        numbers = d[plane * size : (plane + 1) * size]
        numbers[:] = 0
        shares, pixels = gradients[plane * count : (plane + 1) * count], places[plane * count : (plane + 1) * count]
        for window in range(count):
            numbers[np.uint64(pixels[window])] += shares[window]  # unsigned: no index that might count from the end


@njit(nogil=True, cache=True)
def outside(winners, size):
    """Return which winner is the first that is no pixel of a plane of this size; how many there are if all are.

    The winners are seen as unsigned, so that negative ones are too large: only the largest matters.
    """
    largest = winners.dtype.type(0)
    for window in range(winners.size):
        largest = max(largest, winners[window])
    if largest >= size:
        for window in range(winners.size):
            if winners[window] >= size:
                return window
    return winners.size
