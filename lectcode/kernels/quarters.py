"""The gradient of max pooling whose 2 x 2 windows stand side by side, by far the most common one.

Each pixel lies in one window, so that every number of the gradient is written once: G where the pixel wins, else zero.
Nothing is looked up and no branch is taken. The loop over a block has a fixed length and becomes vector instructions
as a whole; the last block of a row overlaps the one before, since writing a number twice does no harm.
"""

from numba import njit

BLOCK = 16


def applies(geometry):
    """Tell whether the windows are 2 x 2, side by side and inside the input, and a row fills a block."""
    return (
        geometry.kernel_size == geometry.stride == (2, 2)
        and geometry.dilation == (1, 1)
        and geometry.before == (0, 0)
        and all(2 * length <= size for length, size in zip(geometry.output_size, geometry.input_size, strict=True))
        and geometry.output_size[1] >= BLOCK
    )


@njit(nogil=True, cache=True)
def _beats(b, a):
    """Tell whether b takes the lead from a, which comes first."""
    return (b > a) | ((b != b) & (a == a))


@njit(nogil=True, cache=True)
def _one(top, bottom, g, d_top, d_bottom, w):
    """Write the four numbers of window w."""
    a, b, x, y, z = top[2 * w], top[2 * w + 1], bottom[2 * w], bottom[2 * w + 1], g[w]
    nothing = g.dtype.type(0)
    right_above, right_below = _beats(b, a), _beats(y, x)
    a, x = b if right_above else a, y if right_below else x
    below = _beats(x, a)
    above, below = nothing if below else z, z if below else nothing
    d_top[2 * w] = nothing if right_above else above
    d_top[2 * w + 1] = above if right_above else nothing
    d_bottom[2 * w] = nothing if right_below else below
    d_bottom[2 * w + 1] = below if right_below else nothing


@njit(nogil=True, cache=True)
def _block(top, bottom, g, d_top, d_bottom):
    """Write the numbers of BLOCK windows."""
    for w in range(BLOCK):
        _one(top, bottom, g, d_top, d_bottom, w)


@njit(nogil=True, cache=True)
def backward(G, I, dI, first, last):
    """Write the gradients of planes first, ..., last - 1."""
    H_out, W_out = G.shape[1:]
    for plane in range(first, last):  # plane alone writes dI[plane]
        dI[plane, 2 * H_out :] = 0
        for h in range(H_out):
            top, bottom, g = I[plane, 2 * h], I[plane, 2 * h + 1], G[plane, h]
            d_top, d_bottom = dI[plane, 2 * h], dI[plane, 2 * h + 1]
            d_top[2 * W_out :] = 0
            d_bottom[2 * W_out :] = 0
            for start in range(0, W_out, BLOCK):
                w = min(start, W_out - BLOCK)
                v, end = 2 * w, 2 * w + 2 * BLOCK
                _block(top[v:end], bottom[v:end], g[w : w + BLOCK], d_top[v:end], d_bottom[v:end])
