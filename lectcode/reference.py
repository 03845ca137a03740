"""The definitions as the lecture prints them: plain loops, one function a formula, for numbers of any type.

Nothing here is fast and nothing is shared with the production modules, so that it can judge them. The arrays may hold
floats, integers, fractions or symbols (dtype object); only the maximum needs numbers that can be compared. Each
function takes the arguments of the public function with the same name and expects a valid call: the checks live in
lectcode.shapes.
"""

from itertools import product
from math import exp, log, prod

import numpy as np


def pair(value):
    """Return (height, width) from one number for both or from a pair."""
    return tuple(value) if isinstance(value, tuple | list) else (value, value)


def sides(padding, kernel_size=None, dilation=1):
    """Return ((top, bottom), (left, right)) from any way of writing the padding."""
    if isinstance(padding, str):
        spans = [(K - 1) * D for K, D in zip(kernel_size, pair(dilation), strict=True)]
        return tuple((span // 2, span - span // 2) if padding == "same" else (0, 0) for span in spans)
    return tuple(pair(side) for side in pair(padding))


def output_size(H, K, *, stride=1, padding=0, dilation=1, ceil_mode=False):
    """H_out = #{h >= 0 : hS + K' <= H_pad} where K' = (K-1)D + 1: count the places where the kernel fits.

    With ceil_mode, count the places that begin before the padding at the end and are needed to reach the end.
    """
    P_before, P_after = pair(padding)
    H_pad, K_dilated = P_before + H + P_after, (K - 1) * dilation + 1
    h = 0
    if ceil_mode:
        while (h - 1) * stride + K_dilated < H_pad and h * stride < P_before + H:
            h += 1
    else:
        while h * stride + K_dilated <= H_pad:
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


def conv2d_grad_bias(G):
    """dL/dB[c_out] = sum_{n,h,w} G[n,c_out,h,w]."""
    dB = np.zeros(G.shape[1], G.dtype)
    for n, c_out, h, w in np.ndindex(G.shape):
        dB[c_out] += G[n, c_out, h, w]
    return dB


def conv2d_grad_filters(G, I, kernel_size, *, stride=1, padding=0, dilation=1, groups=1):
    """dL/dF[c_out,c_in,k_h,k_w] = sum_{n,h,w} G[n,c_out,h,w] I_pad[n,c_in,hS+k_hD,wS+k_wD]."""
    (S_h, S_w), (D_h, D_w) = pair(stride), pair(dilation)
    I_pad = pad(I, sides(padding, pair(kernel_size), dilation))
    N, C_out, H_out, W_out = G.shape
    C_in = I.shape[1] // groups
    dF = np.zeros((C_out, C_in, *pair(kernel_size)), G.dtype)
    for c_out, c_in, k_h, k_w in np.ndindex(dF.shape):
        c_0 = c_out // (C_out // groups) * C_in
        for n, h, w in np.ndindex(N, H_out, W_out):
            u, v = h * S_h + k_h * D_h, w * S_w + k_w * D_w
            dF[c_out, c_in, k_h, k_w] += G[n, c_out, h, w] * I_pad[n, c_0 + c_in, u, v]
    return dF


def conv2d_grad_padded_input(G, F, padded_size, *, stride=1, dilation=1, groups=1):
    """dL/dI_pad[n,c_in,u,v] = sum_{c_out,h,w} G[n,c_out,h,w] F[c_out,c_in,(u-hS)/D,(v-wS)/D].

    Only those h and w count for which both quotients are whole numbers inside the filter.
    """
    (S_h, S_w), (D_h, D_w) = pair(stride), pair(dilation)
    N, C_out, H_out, W_out = G.shape
    C_in, K_h, K_w = F.shape[1:]
    dI_pad = np.zeros((N, C_in * groups, *padded_size), G.dtype)
    for n, c, u, v in np.ndindex(dI_pad.shape):
        group, c_in = divmod(c, C_in)
        filters = range(group * C_out // groups, (group + 1) * C_out // groups)  # those of the group
        for c_out, h, w in product(filters, range(H_out), range(W_out)):
            (k_h, rest_h), (k_w, rest_w) = divmod(u - h * S_h, D_h), divmod(v - w * S_w, D_w)
            if 0 <= k_h < K_h and 0 <= k_w < K_w and rest_h == rest_w == 0:
                dI_pad[n, c, u, v] += G[n, c_out, h, w] * F[c_out, c_in, k_h, k_w]
    return dI_pad


def conv2d_grad_input(G, F, input_size, *, stride=1, padding=0, dilation=1, groups=1):
    """dL/dI[n,c_in,x,y] = dL/dI_pad[n,c_in,x+P,y+P] for 0 <= x < H and 0 <= y < W."""
    H, W = pair(input_size)
    (P_top, P_bottom), (P_left, P_right) = sides(padding, F.shape[2:], dilation)
    padded_size = (P_top + H + P_bottom, P_left + W + P_right)
    dI_pad = conv2d_grad_padded_input(G, F, padded_size, stride=stride, dilation=dilation, groups=groups)
    return dI_pad[:, :, P_top : P_top + H, P_left : P_left + W]


def conv2d_backward(G, I, F, *, stride=1, padding=0, dilation=1, groups=1):
    """Return dL/dI, dL/dF and dL/dB."""
    geometry = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    dI = conv2d_grad_input(G, F, I.shape[2:], **geometry)
    dF = conv2d_grad_filters(G, I, F.shape[2:], **geometry)
    return dI, dF, conv2d_grad_bias(G)


def conv_transpose2d(I, F, B=None, *, stride=1, padding=0, output_padding=0, dilation=1, groups=1):
    """O_pad[n,c_out,u,v] = sum of F[c_in,c_out,k_h,k_w] I[n,c_in,h,w] where hS+k_hD = u, wS+k_wD = v; O crops it."""
    (S_h, S_w), (D_h, D_w), (A_h, A_w) = pair(stride), pair(dilation), pair(output_padding)
    (P_top, P_bottom), (P_left, P_right) = sides(padding)
    N, C_in, H, W = I.shape
    _, C_out, K_h, K_w = F.shape
    H_pad, W_pad = (H - 1) * S_h + (K_h - 1) * D_h + 1 + A_h, (W - 1) * S_w + (K_w - 1) * D_w + 1 + A_w
    O_pad = np.zeros((N, C_out * groups, H_pad, W_pad), I.dtype)
    for n, c_in, h, w in np.ndindex(I.shape):
        c_0 = c_in // (C_in // groups) * C_out  # where the output channels of this group begin
        for c_out, k_h, k_w in np.ndindex(C_out, K_h, K_w):
            u, v = h * S_h + k_h * D_h, w * S_w + k_w * D_w
            O_pad[n, c_0 + c_out, u, v] += F[c_in, c_out, k_h, k_w] * I[n, c_in, h, w]
    if B is not None:
        for c_out in range(C_out * groups):
            O_pad[:, c_out] += B[c_out]
    return O_pad[:, :, P_top : H_pad - P_bottom, P_left : W_pad - P_right]


def pool2d(I, f, kernel_size, stride=None):
    """O[n,c,h,w] = f(I[n,c,h_start:h_end,w_start:w_end]) where h_start = hS and h_end = hS + K."""
    (K_h, K_w), (S_h, S_w) = pair(kernel_size), pair(kernel_size if stride is None else stride)
    N, C, H, W = I.shape
    O = np.zeros((N, C, output_size(H, K_h, stride=S_h), output_size(W, K_w, stride=S_w)), I.dtype)
    for n, c, h, w in np.ndindex(O.shape):
        O[n, c, h, w] = f(I[n, c, h * S_h : h * S_h + K_h, w * S_w : w * S_w + K_w])
    return O


def pool2d_backward(G, I, df, kernel_size, stride=None):
    """dL/dI[n,c,u,v] = sum over the windows (h,w) that contain (u,v) of G[n,c,h,w] df(window)[u-hS,v-wS]."""
    (K_h, K_w), (S_h, S_w) = pair(kernel_size), pair(kernel_size if stride is None else stride)
    dI = np.zeros(I.shape, G.dtype)
    for n, c, h, w in np.ndindex(G.shape):
        partials = df(I[n, c, h * S_h : h * S_h + K_h, w * S_w : w * S_w + K_w])
        for k_h, k_w in np.ndindex(K_h, K_w):
            dI[n, c, h * S_h + k_h, w * S_w + k_w] += G[n, c, h, w] * partials[k_h, k_w]
    return dI


def taps(H, h, K, S, P, D=1):
    """Return the positions hS + kD - P, k = 0, ..., K-1, that lie inside an axis of length H."""
    return [u for u in (h * S + k * D - P for k in range(K)) if 0 <= u < H]


def windows(I, kernel_size, stride, padding, dilation, ceil_mode):
    """Return H_out, W_out and a function that lists the input positions of window (h,w) in row-major order."""
    (K_h, K_w), (S_h, S_w) = pair(kernel_size), pair(kernel_size if stride is None else stride)
    (D_h, D_w), (P_h, P_w) = pair(dilation), sides(padding)
    H, W = I.shape[2:]
    H_out = output_size(H, K_h, stride=S_h, padding=P_h, dilation=D_h, ceil_mode=ceil_mode)
    W_out = output_size(W, K_w, stride=S_w, padding=P_w, dilation=D_w, ceil_mode=ceil_mode)
    return H_out, W_out, lambda h, w: product(taps(H, h, K_h, S_h, P_h[0], D_h), taps(W, w, K_w, S_w, P_w[0], D_w))


def winner(image, positions):
    """Return the position of the largest value: the first one at a tie, and the first NaN if there is one."""
    best = None
    for u, v in positions:
        x, is_nan = image[u, v], image[u, v] != image[u, v]
        if best is None or x > image[best] or (is_nan and image[best] == image[best]):
            best = u, v
    return best


def max_pool2d(I, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_winners=False):
    """O[n,c,h,w] = max_{k_h,k_w} I[n,c,hS+k_hD-P,wS+k_wD-P] over the positions that lie inside the input."""
    H_out, W_out, positions = windows(I, kernel_size, stride, padding, dilation, ceil_mode)
    O = np.zeros((*I.shape[:2], H_out, W_out), I.dtype)
    winners = np.zeros(O.shape, f"i{I.itemsize}")
    for n, c, h, w in np.ndindex(O.shape):
        u, v = winner(I[n, c], positions(h, w))
        O[n, c, h, w], winners[n, c, h, w] = I[n, c, u, v], u * I.shape[3] + v
    return (O, winners) if return_winners else O


def max_pool2d_backward(G, I, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, winners=None):
    """dL/dI[n,c,u,v] = sum of G[n,c,h,w] over the windows (h,w) whose first largest value is at (u,v)."""
    _, _, positions = windows(I, kernel_size, stride, padding, dilation, ceil_mode)
    dI = np.zeros(I.shape, G.dtype)
    for n, c, h, w in np.ndindex(G.shape):
        place = winner(I[n, c], positions(h, w)) if winners is None else divmod(winners[n, c, h, w], I.shape[3])
        dI[n, c][place] += G[n, c, h, w]
    return dI


def divisor(H, h, K, S, P, count_include_pad):
    """Count the positions of window h that lie in the padded axis, or only those in the axis itself."""
    P_before, P_after = P
    if count_include_pad:
        return len(taps(P_before + H + P_after, h, K, S, 0))
    return len(taps(H, h, K, S, P_before))


def avg_pool2d(I, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True, divisor_override=None):
    """O[n,c,h,w] = (1/d[h,w]) sum_{k_h,k_w} I[n,c,hS+k_h-P,wS+k_w-P], where d[h,w] counts the positions averaged."""
    (K_h, K_w), (S_h, S_w) = pair(kernel_size), pair(kernel_size if stride is None else stride)
    H_out, W_out, positions = windows(I, kernel_size, stride, padding, 1, ceil_mode)
    (P_h, P_w), (H, W) = sides(padding), I.shape[2:]
    O = np.zeros((*I.shape[:2], H_out, W_out), I.dtype)
    for n, c, h, w in np.ndindex(O.shape):
        d = divisor(H, h, K_h, S_h, P_h, count_include_pad) * divisor(W, w, K_w, S_w, P_w, count_include_pad)
        total = sum(I[n, c, u, v] for u, v in positions(h, w))
        O[n, c, h, w] = total / (d if divisor_override is None else divisor_override)
    return O


def avg_pool2d_backward(
    G, I, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True, divisor_override=None
):
    """dL/dI[n,c,u,v] = sum of G[n,c,h,w] / d[h,w] over the windows (h,w) that contain (u,v)."""
    (K_h, K_w), (S_h, S_w) = pair(kernel_size), pair(kernel_size if stride is None else stride)
    _, _, positions = windows(I, kernel_size, stride, padding, 1, ceil_mode)
    (P_h, P_w), (H, W) = sides(padding), I.shape[2:]
    dI = np.zeros(I.shape, G.dtype)
    for n, c, h, w in np.ndindex(G.shape):
        d = divisor(H, h, K_h, S_h, P_h, count_include_pad) * divisor(W, w, K_w, S_w, P_w, count_include_pad)
        for u, v in positions(h, w):
            dI[n, c, u, v] += G[n, c, h, w] / (d if divisor_override is None else divisor_override)
    return dI


def receptive_field(k, s, d=None, p=None):
    """r[j] = 1 + sum_{i<j} (k[i]-1) d[i] e[i] where e[j] = prod_{m<j} s[m], and a[j] = -sum_{i<j} p[i] e[i].

    The lists k, s, d and p hold kernel length, stride, dilation and padding of each layer along one axis. After j
    layers, output h depends on the input from a[j] + h e[j] to a[j] + h e[j] + r[j] - 1. Returns r, e and a.
    """
    J = len(k)
    d, p = [1] * J if d is None else d, [0] * J if p is None else p
    e = [prod(s[:j]) for j in range(J + 1)]
    r = [1 + sum((k[i] - 1) * d[i] * e[i] for i in range(j)) for j in range(J + 1)]
    a = [-sum(p[i] * e[i] for i in range(j)) for j in range(J + 1)]
    return r, e, a


def linear(I, F, B):
    """O[n,c_out] = sum_{c_in} F[c_out,c_in] I[n,c_in] + B[c_out]."""
    O = np.zeros((I.shape[0], F.shape[0]), I.dtype)
    for n, c_out in np.ndindex(O.shape):
        for c_in in range(I.shape[1]):
            O[n, c_out] += F[c_out, c_in] * I[n, c_in]
        O[n, c_out] += B[c_out]
    return O


def linear_backward(G, I, F):
    """dI[n,c_in] = sum_{c_out} G[n,c_out] F[c_out,c_in].

    dF[c_out,c_in] = sum_n G[n,c_out] I[n,c_in] and dB[c_out] = sum_n G[n,c_out].
    """
    dI, dF, dB = np.zeros_like(I), np.zeros_like(F), np.zeros(F.shape[0], F.dtype)
    for n, c_out in np.ndindex(G.shape):
        for c_in in range(I.shape[1]):
            dI[n, c_in] += G[n, c_out] * F[c_out, c_in]
            dF[c_out, c_in] += G[n, c_out] * I[n, c_in]
        dB[c_out] += G[n, c_out]
    return dI, dF, dB


def relu(I):
    """O[...] = I[...] if I[...] > 0, otherwise 0."""
    O = np.zeros_like(I)
    for at in np.ndindex(I.shape):
        if I[at] > 0:
            O[at] = I[at]
    return O


def relu_backward(G, I):
    """dI[...] = G[...] if I[...] > 0, otherwise 0."""
    dI = np.zeros_like(I)
    for at in np.ndindex(I.shape):
        if I[at] > 0:
            dI[at] = G[at]
    return dI


def softmax(O):
    """Y[n,c] = exp(O[n,c]) / sum_{c'} exp(O[n,c'])."""
    Y = np.zeros_like(O)
    for n, c in np.ndindex(O.shape):
        Y[n, c] = exp(O[n, c]) / sum(exp(score) for score in O[n])
    return Y


def softmax_cross_entropy(O, t):
    """L = (1/N) sum_n (log(sum_c exp(O[n,c])) - O[n,t[n]])."""
    L = 0.0
    for n in range(len(O)):
        L += log(sum(exp(score) for score in O[n])) - O[n, t[n]]
    return L / len(O)


def softmax_cross_entropy_backward(O, t):
    """dL/dO[n,c] = (1/N) (Y[n,c] - [c = t[n]])."""
    dO, Y = np.zeros_like(O), softmax(O)
    for n, c in np.ndindex(O.shape):
        dO[n, c] = (Y[n, c] - (c == t[n])) / len(O)
    return dO
