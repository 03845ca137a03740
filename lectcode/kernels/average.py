"""Average pooling along one axis after the other: the sum of a window is the sum of its columns' sums.

The columns of all windows of a row are summed together, along contiguous rows, which the compiler turns into vector
instructions. What lies outside the input is not visited.

This serves integers, and planes that are too few to be worked on together (`abreast`).
"""

import numpy as np

from lectcode.kernels.compiled import entry


@entry(error_model="numpy")
def forward(I, divisors, kernel_size, stride, before, O, first, last):
    """Write the sums over the windows, divided by `divisors` if there are any, into O."""
    (K_h, K_w), (S_h, S_w), (P_h, P_w) = kernel_size, stride, before
    H, W = I.shape[1:]
    H_out, W_out = O.shape[1:]
    columns = np.zeros(max(P_w + W, (W_out - 1) * S_w + K_w), O.dtype)  # zeros to the left and right stay
    sums = columns[P_w : P_w + W]
    for plane in range(first, last):  # plane alone writes O[plane]
        for h in range(H_out):
            u_0, u_1 = max(h * S_h - P_h, 0), min(h * S_h - P_h + K_h, H)
            row = I[plane, u_0]
            for v in range(W):
                sums[v] = row[v]
            for u in range(u_0 + 1, u_1):
                row = I[plane, u]
                for v in range(W):
                    sums[v] += row[v]
            line = O[plane, h]
            line[:] = 0
            for k in range(K_w):
                column = columns[k:]
                if S_w == 1:
                    for w in range(W_out):
                        line[w] += column[w]
                elif S_w == 2:
                    for w in range(W_out):
                        line[w] += column[2 * w]
                else:
                    for w in range(W_out):
                        line[w] += column[w * S_w]
            if divisors.size > 0:
                divisor = divisors[h]
                for w in range(W_out):
                    line[w] /= divisor[w]


@entry(error_model="numpy")
def backward(G, divisors, kernel_size, stride, before, dI, first, last):
    """Write the sums of G, divided by `divisors` if there are any, over the windows that contain each pixel into dI."""
    (K_h, K_w), (S_h, S_w), (P_h, P_w) = kernel_size, stride, before
    H, W = dI.shape[1:]
    H_out, W_out = G.shape[1:]
    sums = np.empty(W_out, dI.dtype)
    wide = np.empty(max(P_w + W, (W_out - 1) * S_w + K_w), dI.dtype)  # what the windows of a row cover
    for plane in range(first, last):  # plane alone writes dI[plane]
        before_0, before_1 = -1, -1
        for u in range(H):
            h_0, h_1 = max(0, -((K_h - 1 - u - P_h) // S_h)), min((u + P_h) // S_h + 1, H_out)
            d = dI[plane, u]
            if (h_0, h_1) == (before_0, before_1):  # the same windows as those of the row above
                above = dI[plane, u - 1]
                for v in range(W):  # for d[:] = above, Numba would also compile how an error of shapes is worded
                    d[v] = above[v]
                continue
            before_0, before_1 = h_0, h_1
            sums[:] = 0
            for h in range(h_0, h_1):
                g = G[plane, h]
                if divisors.size == 0:
                    for w in range(W_out):
                        sums[w] += g[w]
                else:
                    divisor = divisors[h]
                    for w in range(W_out):
                        sums[w] += g[w] / divisor[w]
            wide[:] = 0
            if S_w == K_w == 2:
                for w in range(W_out):
                    wide[2 * w] = sums[w]
                    wide[2 * w + 1] = sums[w]
            else:
                for k in range(K_w):
                    pixels = wide[k:]
                    for w in range(W_out):
                        pixels[w * S_w] += sums[w]
            inside = wide[P_w : P_w + W]
            for v in range(W):
                d[v] = inside[v]
