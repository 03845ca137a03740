"""Max and average pooling. The images arrive as planes: (N, C, H, W) read as (N C, H, W), one task a plane.

The maximum is split into choosing the winner of a window and moving one number along that choice: from the winner to
the output going forward, from the output to the winner going back.
"""

from numba import njit

from lectcode.kernels.threads import share


def planes(array):
    """View (N, C, H, W) as (N C, H, W) without copying."""
    return array.reshape(array.shape[0] * array.shape[1], *array.shape[2:])


def work(outputs, geometry):
    """Count the pixels that all windows look at."""
    return outputs.size * geometry.kernel_size[0] * geometry.kernel_size[1]


def max_forward(I, geometry, O):
    """Write the largest value of each window into O."""
    window = geometry.kernel_size, geometry.stride, geometry.dilation, geometry.before
    share(_max_forward, O.shape[0] * O.shape[1], work(O, geometry), planes(I), *window, planes(O))


def max_backward(G, I, geometry, dI):
    """Write into dI, which must be zero, the sum of G over the windows that each pixel wins."""
    window = geometry.kernel_size, geometry.stride, geometry.dilation, geometry.before
    share(_max_backward, G.shape[0] * G.shape[1], work(G, geometry), planes(G), planes(I), *window, planes(dI))


def sum_forward(I, geometry, O):
    """Write the sum of each window into O."""
    window = geometry.kernel_size, geometry.stride, geometry.before
    share(_sum_forward, O.shape[0] * O.shape[1], work(O, geometry), planes(I), *window, planes(O))


def sum_backward(G, geometry, dI):
    """Write into dI, which must be zero, the sum of G over the windows that contain each pixel."""
    window = geometry.kernel_size, geometry.stride, geometry.before
    share(_sum_backward, G.shape[0] * G.shape[1], work(G, geometry), planes(G), *window, planes(dI))


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
        for h in range(G.shape[1]):
            for w in range(G.shape[2]):
                dI[plane][_winner(I[plane], h, w, kernel_size, stride, dilation, before)] += G[plane, h, w]


@njit(nogil=True, cache=True)
def _sum_forward(I, kernel_size, stride, before, O, first, last):
    (K_h, K_w), (S_h, S_w), (P_h, P_w) = kernel_size, stride, before
    H, W = I.shape[1:]
    for plane in range(first, last):  # plane alone writes O[plane]
        for h in range(O.shape[1]):
            for w in range(O.shape[2]):
                total = O.dtype.type(0)
                for u in range(max(h * S_h - P_h, 0), min(h * S_h - P_h + K_h, H)):
                    for v in range(max(w * S_w - P_w, 0), min(w * S_w - P_w + K_w, W)):
                        total += I[plane, u, v]
                O[plane, h, w] = total


@njit(nogil=True, cache=True)
def _sum_backward(G, kernel_size, stride, before, dI, first, last):
    (K_h, K_w), (S_h, S_w), (P_h, P_w) = kernel_size, stride, before
    H, W = dI.shape[1:]
    for plane in range(first, last):  # plane alone writes dI[plane]
        for h in range(G.shape[1]):
            for w in range(G.shape[2]):
                for u in range(max(h * S_h - P_h, 0), min(h * S_h - P_h + K_h, H)):
                    for v in range(max(w * S_w - P_w, 0), min(w * S_w - P_w + K_w, W)):
                        dI[plane, u, v] += G[plane, h, w]
