"""The gradient of max pooling over whole planes, as before the last layer of a network: one window, one winner a plane.

All planes of a vector are searched at once, pixel after pixel (see `abreast`). Nearly all of the gradient is zero, so
nothing is turned back: zeros are written, and one number into each plane.
"""

import numpy as np
from numba import njit

from lectcode.kernels.abreast import fetch
from lectcode.kernels.simd import beats, choose, lanes_of, load, splat, store

PIXELS = 2**10  # of the planes that are searched together: their copy stays in the first-level cache, or near


def applies(geometry):
    """Tell whether the only window is the input."""
    return (
        geometry.output_size == (1, 1)
        and geometry.kernel_size == geometry.input_size
        and geometry.dilation == (1, 1)
        and geometry.before == (0, 0)
    )


def room(geometry, lanes):
    """Return how many numbers the workspace must hold."""
    (H, W) = geometry.input_size
    return (min(H * W, PIXELS) + 2 * lanes + 1) * lanes


@njit(nogil=True, cache=True)
def backward(G, I, dI, workspace, first, last):
    """Write the gradients of the groups of planes first, ..., last - 1. The workspace holds integers."""
    (total, H, W), lanes = I.shape, lanes_of(I)
    size, images, gradients, results = H * W, I.reshape(-1), G.reshape(-1), dI.reshape(-1)
    winners, x = workspace[:lanes], workspace[lanes:].view(I.dtype)
    numbers = np.arange(size).astype(workspace.dtype)
    for group in range(first, last):  # group alone writes its planes of dI
        plane, planes = group * lanes, min(lanes, total - group * lanes)
        which = np.minimum(np.arange(lanes), planes - 1) * size  # lanes without a plane repeat the last one
        for begin in range(0, size, PIXELS):
            end = min(begin + PIXELS, size)
            fetch(images, plane * size, which, begin, end, size, x)
            if begin == 0:
                value, winner = load(x, lanes * lanes), splat(numbers[0])
            for p in range(max(begin, 1), end):
                other = load(x, (p - begin + lanes) * lanes)
                later = beats(other, value)
                value, winner = choose(later, other, value), choose(later, splat(numbers[p]), winner)
        store(winners, 0, winner)
        results[plane * size : (plane + planes) * size] = 0
        for i in range(planes):
            results[(plane + i) * size + winners[i]] = gradients[plane + i]
