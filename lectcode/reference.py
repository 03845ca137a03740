"""The definitions as the lecture prints them: plain loops, one function a formula, for numbers of any type.

Nothing here is fast and nothing is shared with the production modules, so that it can judge them. The arrays may hold
floats, integers, fractions or symbols (dtype object). Each function takes the keywords of the public function with
the same name and expects a valid call: the checks live in `lectcode.shapes`.
"""

import numpy as np


def pair(value):
    """Return (height, width) from one number for both or from a pair."""
    return (value, value) if np.ndim(value) == 0 else tuple(value)


def sides(padding, kernel_size=None, dilation=1):
    """Return ((top, bottom), (left, right)) from any way of writing the padding."""
    if isinstance(padding, str):
        spans = [(K - 1) * D for K, D in zip(kernel_size, pair(dilation), strict=True)]
        return tuple((span // 2, span - span // 2) if padding == "same" else (0, 0) for span in spans)
    return tuple(pair(side) for side in pair(padding))


def output_size(H, K, *, stride=1, padding=0, dilation=1):
    """H_out = #{h >= 0 : hS + (K-1)D + 1 <= H_pad}: count the places where the kernel fits."""
    P_before, P_after = pair(padding)
    H_pad = P_before + H + P_after
    h = 0
    while h * stride + (K - 1) * dilation + 1 <= H_pad:
        h += 1
    return h


def pad(I, padding):
    """I_pad[n,c,i,j] = I[n,c,i-P,j-P] if P <= i < H+P and P <= j < W+P, otherwise 0."""
    (P_top, P_bottom), (P_left, P_right) = sides(padding)
    N, C, H, W = I.shape
    I_pad = np.zeros((N, C, P_top + H + P_bottom, P_left + W + P_right), I.dtype)
    for n, c, i, j in np.ndindex(I_pad.shape):
        if P_top <= i < H + P_top and P_left <= j < W + P_left:
            I_pad[n, c, i, j] = I[n, c, i - P_top, j - P_left]
    return I_pad


def conv2d(I, F, B=None, *, stride=1, padding=0, dilation=1, groups=1):
    """O[n,c_out,h,w] = sum_{c_in,k_h,k_w} F[c_out,c_in,k_h,k_w] I_pad[n,c_in,hS+k_hD,wS+k_wD] + B[c_out]."""
    (S_h, S_w), (D_h, D_w) = pair(stride), pair(dilation)
    C_out, C_in, K_h, K_w = F.shape
    I_pad = pad(I, sides(padding, (K_h, K_w), dilation))
    N, _, H_pad, W_pad = I_pad.shape
    H_out = output_size(H_pad, K_h, stride=S_h, dilation=D_h)
    W_out = output_size(W_pad, K_w, stride=S_w, dilation=D_w)
    O = np.zeros((N, C_out, H_out, W_out), I.dtype)
    for n, c_out, h, w in np.ndindex(O.shape):
        c_0 = c_out // (C_out // groups) * C_in  # where the input channels of this filter's group begin
        for c_in, k_h, k_w in np.ndindex(C_in, K_h, K_w):
            u, v = h * S_h + k_h * D_h, w * S_w + k_w * D_w
            O[n, c_out, h, w] += F[c_out, c_in, k_h, k_w] * I_pad[n, c_0 + c_in, u, v]
        if B is not None:
            O[n, c_out, h, w] += B[c_out]
    return O
