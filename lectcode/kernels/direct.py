"""Convolution by the loop nest of its definition.

Each output row is built by adding one row of the padded input after another, so that the innermost loop runs over
neighbouring pixels: the compiler turns it into vector instructions without changing the order of any sum.
"""

import numpy as np
from numba import njit

from lectcode.kernels.threads import share


def pad(I, geometry):
    """Copy I into the middle of zeros."""
    (top, left), (bottom, right), (H, W) = geometry.before, geometry.after, geometry.input_size
    if top == left == bottom == right == 0:
        return I
    I_pad = np.zeros((*I.shape[:2], top + H + bottom, left + W + right), I.dtype)
    I_pad[:, :, top : top + H, left : left + W] = I
    I_pad.flags.writeable = False
    return I_pad


def forward(I, F, B, geometry, groups, O):
    """Write the convolution of I with F plus B into O."""
    N, C_out = O.shape[:2]
    share(
        _forward, N * C_out, O.size * F[0:1].size, pad(I, geometry), F, B, geometry.stride, geometry.dilation, groups, O
    )


@njit(nogil=True, cache=True)
def _forward(I_pad, F, B, stride, dilation, groups, O, first, last):
    (S_h, S_w), (D_h, D_w) = stride, dilation
    C_out, C_in, K_h, K_w = F.shape
    H_out, W_out = O.shape[2:]
    for task in range(first, last):  # task (n, c_out) alone writes O[n, c_out]
        n, c_out = divmod(task, C_out)
        c_0 = c_out // (C_out // groups) * C_in
        for h in range(H_out):
            row = O[n, c_out, h]
            row[:] = B[c_out]
            for c_in in range(C_in):
                for k_h in range(K_h):
                    for k_w in range(K_w):
                        f = F[c_out, c_in, k_h, k_w]
                        line = I_pad[n, c_0 + c_in, h * S_h + k_h * D_h, k_w * D_w :]
                        for w in range(W_out):
                            row[w] += f * line[w * S_w]
