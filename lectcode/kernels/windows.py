"""Pooling with any function of one window.

The same loops run compiled (when the function is) or as plain Python. They are not cached on disk, since their code
contains the user's function, and not shared among threads, since that function may not bear it.
"""

from numba import njit


def pool(I, f, kernel_size, stride, O):
    """Write f of each window into O; f may do what it likes with its window, which is a copy."""
    (K_h, K_w), (S_h, S_w) = kernel_size, stride
    N, C, H_out, W_out = O.shape
    for n in range(N):
        for c in range(C):
            for h in range(H_out):
                for w in range(W_out):
                    O[n, c, h, w] = f(I[n, c, h * S_h : h * S_h + K_h, w * S_w : w * S_w + K_w].copy())


def pool_backward(G, I, df, kernel_size, stride, dI):
    """Add G times the partial derivatives df of each window to dI, which must be zero."""
    (K_h, K_w), (S_h, S_w) = kernel_size, stride
    N, C, H_out, W_out = G.shape
    for n in range(N):
        for c in range(C):
            for h in range(H_out):
                for w in range(W_out):
                    partials = df(I[n, c, h * S_h : h * S_h + K_h, w * S_w : w * S_w + K_w].copy())
                    if partials.shape != (K_h, K_w):  # a check inside, for only here is the shape known
                        raise ValueError("df must return an array of the window's shape for every window")
                    for k_h in range(K_h):
                        for k_w in range(K_w):
                            dI[n, c, h * S_h + k_h, w * S_w + k_w] += G[n, c, h, w] * partials[k_h, k_w]


compiled_pool = njit(pool)
compiled_pool_backward = njit(pool_backward)
