"""Convolution and its gradients by the loop nests of their definitions.

The innermost loop always runs along one row, w = 0, ..., W_out - 1, and adds to W_out different sums. Neighbours are
independent, so the compiler turns the loop into vector instructions without reordering any sum.

A range [first, last) of tasks is one thread's share. A task alone owns the part of the result it writes.
"""

import numpy as np

from lectcode.kernels.compiled import entry
from lectcode.kernels.threads import share


def pad(I, geometry):
    """Return I in the middle of zeros, read-only like I."""
    (top, left), (bottom, right), (H, W) = geometry.before, geometry.after, geometry.input_size
    if top == left == bottom == right == 0:
        return I
    I_pad = np.zeros((*I.shape[:2], top + H + bottom, left + W + right), I.dtype)
    I_pad[:, :, top : top + H, left : left + W] = I
    I_pad.flags.writeable = False
    return I_pad


def forward(I, F, B, geometry, O):
    """Write the convolution of I with F, plus B, into O."""
    tasks, work = O.shape[0] * O.shape[1], O.size * F[:1].size
    share(_forward, tasks, work, pad(I, geometry), F, B, geometry.stride, geometry.dilation, geometry.groups, O)


@entry
def _forward(I_pad, F, B, stride, dilation, groups, O, first, last):
    (S_h, S_w), (D_h, D_w) = stride, dilation
    C_out, C_in, K_h, K_w = F.shape
    H_out, W_out = O.shape[2:]
    for task in range(first, last):  # task (n, c_out) alone writes O[n, c_out]
        n, c_out = divmod(task, C_out)
        c_0 = c_out // (C_out // groups) * C_in
        for h in range(H_out):
            sums = O[n, c_out, h]
            sums[:] = 0
            for c_in in range(C_in):
                for k_h in range(K_h):
                    for k_w in range(K_w):
                        f = F[c_out, c_in, k_h, k_w]
                        row = I_pad[n, c_0 + c_in, h * S_h + k_h * D_h, k_w * D_w :]
                        for w in range(W_out):
                            sums[w] += f * row[w * S_w]
            for w in range(W_out):
                sums[w] += B[c_out]


def grad_filters(G, I, geometry, dF):
    """Write the gradient of the filters into dF."""
    tasks, work = dF.shape[0] * dF.shape[1], G.size * dF[:1].size
    share(_grad_filters, tasks, work, G, pad(I, geometry), geometry.stride, geometry.dilation, geometry.groups, dF)


@entry
def _grad_filters(G, I_pad, stride, dilation, groups, dF, first, last):
    (S_h, S_w), (D_h, D_w) = stride, dilation
    C_out, C_in, K_h, K_w = dF.shape
    N, _, H_out, W_out = G.shape
    sums = np.empty(W_out, dF.dtype)
    for task in range(first, last):  # task (c_out, c_in) alone writes dF[c_out, c_in]
        c_out, c_in = divmod(task, C_in)
        c_0 = c_out // (C_out // groups) * C_in
        for k_h in range(K_h):
            for k_w in range(K_w):
                sums[:] = 0
                for n in range(N):
                    for h in range(H_out):
                        g = G[n, c_out, h]
                        row = I_pad[n, c_0 + c_in, h * S_h + k_h * D_h, k_w * D_w :]
                        for w in range(W_out):
                            sums[w] += g[w] * row[w * S_w]
                dF[c_out, c_in, k_h, k_w] = sums.sum()


def grad_input(G, F, geometry, dI):
    """Write the gradient of the input into dI: the gradient of the padded input without its border."""
    (top, left), (bottom, right), (H, W) = geometry.before, geometry.after, geometry.input_size
    dI_pad = np.zeros((*dI.shape[:2], top + H + bottom, left + W + right), dI.dtype)
    tasks, work = dI.shape[0] * dI.shape[1], G.size * F[:1].size
    share(_grad_padded_input, tasks, work, G, F, geometry.stride, geometry.dilation, geometry.groups, dI_pad)
    dI[...] = dI_pad[:, :, top : top + H, left : left + W]


@entry
def _grad_padded_input(G, F, stride, dilation, groups, dI_pad, first, last):
    (S_h, S_w), (D_h, D_w) = stride, dilation
    C_out, C_in, K_h, K_w = F.shape
    H_out, W_out = G.shape[2:]
    C_group = C_out // groups
    for task in range(first, last):  # task (n, c) alone writes dI_pad[n, c]
        n, c = divmod(task, C_in * groups)
        group, c_in = divmod(c, C_in)
        for c_out in range(group * C_group, (group + 1) * C_group):
            for h in range(H_out):
                g = G[n, c_out, h]
                for k_h in range(K_h):
                    for k_w in range(K_w):
                        f = F[c_out, c_in, k_h, k_w]
                        row = dI_pad[n, c, h * S_h + k_h * D_h, k_w * D_w :]
                        for w in range(W_out):
                            row[w * S_w] += f * g[w]


def refusal(dtype, geometry):
    """Return why this algorithm cannot compute a call; None, for it can compute all."""
    return None


def error_bound(terms, unit):
    """Return c such that |computed - exact| <= c sum |a||b| for a sum of `terms` products a b.

    Any order of summation has c = n u / (1 - n u) with n = terms and u the unit roundoff; the bias is one more term.
    Source: Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., section 3.1.
    """
    return terms * unit / (1 - terms * unit)
