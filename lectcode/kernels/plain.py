"""The plain loops of max pooling, which serve where no faster loops apply.

They choose the winner of a window and move one number along that choice: from the winner to the output going forward,
from the output to the winner going back.

Faster loops may leave planes with a NaN to them: that saves a comparison each time. They ask first.
"""

from lectcode.kernels.compiled import entry, inner
from lectcode.kernels.simd import anywhere, lanes_of, load, undefined


@inner
def has_nan(x, begin, end):
    """Tell whether one of the numbers x[begin], ..., x[end - 1] is NaN."""
    lanes = lanes_of(x)
    if end - begin < 2 * lanes:
        nan = False
        for number in range(begin, end):
            nan |= x[number] != x[number]
        return nan
    found = undefined(load(x, end - 2 * lanes), load(x, end - lanes))
    for number in range(begin, end - 2 * lanes, 2 * lanes):
        found = found | undefined(load(x, number), load(x, number + lanes))
    return anywhere(found)


@inner
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


@entry
def max_forward(I, kernel_size, stride, dilation, before, winners, O, first, last):
    """Write the maxima of planes first, ..., last - 1, and where they stand, u W + v, unless `winners` is None."""
    for plane in range(first, last):  # plane alone writes O[plane] and winners[plane]
        for h in range(O.shape[1]):
            for w in range(O.shape[2]):
                u, v = _winner(I[plane], h, w, kernel_size, stride, dilation, before)
                O[plane, h, w] = I[plane, u, v]
                if winners is not None:
                    winners[plane, h, w] = u * I.shape[2] + v


@entry
def max_backward(G, I, kernel_size, stride, dilation, before, dI, first, last):
    """Write the gradients of planes first, ..., last - 1."""
    for plane in range(first, last):  # plane alone writes dI[plane]
        dI[plane] = 0
        for h in range(G.shape[1]):
            for w in range(G.shape[2]):
                dI[plane][_winner(I[plane], h, w, kernel_size, stride, dilation, before)] += G[plane, h, w]
