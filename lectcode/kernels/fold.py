"""Products of single pixels added up to an image, which many libraries call `fold` or "col2im".

    dI[c, u, v] = sum over h, w, k_h, k_w with h S_h + k_h D_h - P_h = u and w S_w + k_w D_w - P_w = v
                  of products[h, w, c, k_h, k_w]

This is the scatter of the gradient of the input: each pixel adds its products to the inputs that its window covers. A
channel is one task's alone, and its sums are added in the order of the loops.
"""

import numpy as np

from lectcode.kernels.compiled import entry, inner

ADD = 8  # to add a number takes as long as so many multiply-adds


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
