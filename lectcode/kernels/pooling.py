"""Max and average pooling. The images arrive as planes: (N, C, H, W) read as (N C, H, W), one task a plane.

Here also stand the plain loops of max pooling. They choose the winner of a window and move one number along that
choice: from the winner to the output going forward, from the output to the winner going back. They serve where the
loops of `maximum` do not apply.
"""

import numpy as np
from numba import njit

from lectcode.kernels import average, maximum, quarters
from lectcode.kernels.threads import share


def planes(array):
    """View (N, C, H, W) as (N C, H, W) without copying."""
    return array.reshape(array.shape[0] * array.shape[1], *array.shape[2:])


def work(image, pixel):
    """Weigh a call by its pixels, each of which takes as long as `pixel` multiply-adds (measured)."""
    return pixel * image.size


def dense(geometry):
    """Tell whether the windows cover little more than the input, so that a copy with its surroundings is small."""
    height, width = maximum.frame_of(geometry.output_size, geometry.kernel_size, geometry.stride, geometry.dilation)
    (H, W), (K_h, K_w) = geometry.input_size, geometry.kernel_size
    return height * width <= 4 * (H + K_h) * (W + K_w) and max(height * width, H * W) <= 2**31


def max_forward(I, geometry, O):
    """Write the largest value of each window into O."""
    window = geometry.kernel_size, geometry.stride, geometry.dilation, geometry.before
    kernel = maximum.forward if dense(geometry) else _max_forward
    share(kernel, O.shape[0] * O.shape[1], work(I, 4), planes(I), *window, planes(O))


def max_backward(G, I, geometry, dI):
    """Write into dI the sum of G over the windows that each pixel wins."""
    window = geometry.kernel_size, geometry.stride, geometry.dilation, geometry.before
    if quarters.applies(geometry):
        share(quarters.backward, G.shape[0] * G.shape[1], work(I, 4), planes(G), planes(I), planes(dI))
        return
    kernel = _max_backward
    if I.dtype == np.float32 and dense(geometry):
        kernel, I = maximum.backward, I.view(np.int32)
    share(kernel, G.shape[0] * G.shape[1], work(I, 16), planes(G), planes(I), *window, planes(dI))


def avg_forward(I, divisors, geometry, O):
    """Write the sum of each window, divided by its divisor, into O."""
    window = geometry.kernel_size, geometry.stride, geometry.before
    share(average.forward, O.shape[0] * O.shape[1], work(I, 8), planes(I), divisors, *window, planes(O))


def avg_backward(G, divisors, geometry, dI):
    """Write into dI the sum of G, divided by the divisors, over the windows that contain each pixel."""
    window = geometry.kernel_size, geometry.stride, geometry.before
    share(average.backward, G.shape[0] * G.shape[1], work(dI, 8), planes(G), divisors, *window, planes(dI))


@njit(nogil=True, cache=True)
def _winner(image, h, w, kernel_size, stride, dilation, before):
    (K_h, K_w), (S_h, S_w), (D_h, D_w), (P_h, P_w) = kernel_size, stride, dilation, before
    H, W = image.shape
    u_0, v_0 = h * S_h - P_h, w * S_w - P_w  # where the window begins; in the padding, where it enters the input
    best, u_best, v_best = image[0, 0], -1, -1
    for u in range(u_0 if u_0 >= 0 else u_0 % D_h, min(u_0 + (K_h - 1) * D_h + 1, H), D_h):
        for v in range(v_0 if v_0 >= 0 else v_0 % D_w, min(v_0 + (K_w - 1) * D_w + 1, W), D_w):
            x = image[u, v]
            # the first of equal values stays; the first NaN, the only x that is not itself, beats them all
            if u_best < 0 or x > best or (x != x and best == best):
                best, u_best, v_best = x, u, v
    return u_best, v_best


@njit(nogil=True, cache=True)
def _max_forward(I, kernel_size, stride, dilation, before, O, first, last):
    for plane in range(first, last):  # plane alone writes O[plane]
        for h in range(O.shape[1]):
            for w in range(O.shape[2]):
                O[plane, h, w] = I[plane][_winner(I[plane], h, w, kernel_size, stride, dilation, before)]


@njit(nogil=True, cache=True)
def _max_backward(G, I, kernel_size, stride, dilation, before, dI, first, last):
    for plane in range(first, last):  # plane alone writes dI[plane]
        dI[plane] = 0
        for h in range(G.shape[1]):
            for w in range(G.shape[2]):
                dI[plane][_winner(I[plane], h, w, kernel_size, stride, dilation, before)] += G[plane, h, w]
