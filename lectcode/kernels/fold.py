"""Products of single pixels added up to an image, which many libraries call `fold` or "col2im".

    dI[c, u, v] = sum over h, w, k_h, k_w with h S_h + k_h D_h - P_h = u and w S_w + k_w D_w - P_w = v
                  of products[h, w, c, k_h, k_w]

This is the scatter of the gradient of the input: each pixel adds its products to the inputs that its window covers. A
channel is one task's alone, and its sums are added in the order of the loops. Filters of one element leave nothing to
add: then rows of products are columns of dI, and squares of them are turned in registers. (The numbers of one channel
stand so far apart that the nearest cache has no room for all of them if channels are a power of two.)
"""

import numpy as np

from lectcode.kernels.compiled import entry, inner
from lectcode.kernels.grouped import to_planes
from lectcode.kernels.simd import lanes_of

ADD, TURN = 8, 2  # to add a number takes as long as so many multiply-adds, and to move it to its place


@inner
def _inside(steps, K, stride, dilation, before, size):
    """Return, for each step, the first tap and the end of those that meet the image."""
    taps = np.empty((steps, 2), np.int64)
    for step in range(steps):
        corner = step * stride - before
        taps[step, 0] = max(-(corner // dilation), 0)
        taps[step, 1] = min(-((corner - size) // dilation), K)
    return taps


@entry
def fold(products, stride, dilation, before, dI, first, last):
    """Write the channels first, ..., last - 1 of dI."""
    (S_h, S_w), (D_h, D_w), (P_h, P_w) = stride, dilation, before
    height, width, C, K_h, K_w = products.shape
    H, W = dI.shape[1:]
    terms, sums = products.reshape(-1), dI.reshape(-1)
    down, across = _inside(height, K_h, S_h, D_h, P_h, H), _inside(width, K_w, S_w, D_w, P_w, W)
    for c in range(first, last):
        sums[c * H * W : (c + 1) * H * W] = 0
        for h in range(height):
            for w in range(width):
                for k_h in range(down[h, 0], down[h, 1]):
                    at = (((h * width + w) * C + c) * K_h + k_h) * K_w
                    to = (c * H + h * S_h + k_h * D_h - P_h) * W + w * S_w - P_w
                    for k_w in range(across[w, 0], across[w, 1]):
                        sums[np.uint64(to + k_w * D_w)] += terms[np.uint64(at + k_w)]  # unsigned: never from the end


@entry
def turn(products, dI, first, last):
    """Write the channels of vectors first, ..., last - 1 of dI, which has one vector at least.

    The last one has those that are left over, too.
    """
    pixels, C = products.shape
    L = lanes_of(products)
    terms, numbers = products.reshape(-1), dI.reshape(-1)
    places, planes = np.empty(pixels, np.int64), np.empty(L, np.int64)
    for p in range(pixels):
        places[p] = p * C
    for lane in range(L):
        planes[lane] = lane * pixels
    for vector in range(first, last):
        to_planes(terms, vector * L, places, numbers, vector * L * pixels, planes, 0, pixels)
        if vector == C // L - 1 and C % L > 0:
            to_planes(terms, C - L, places, numbers, (C - L) * pixels, planes, 0, pixels)
