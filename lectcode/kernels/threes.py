"""The gradient of max pooling by windows of 3 x 3 pixels, one or two apart: what most networks use besides 2 x 2.

The maximum of a window is the maximum of its rows' maxima: it is found along the rows and down the columns, and the
gradient goes back down and along. Nothing is copied, all of it stays in registers. Lane l belongs to window w + l of a
row. Two masks say which of three places wins, the second or the third; if neither, it is the first (`three_places`). A
row of the input is read once. What its windows give to it is summed first, and then written once.

Padding is NaN before a row and above the first one: it stands first in its window and loses against what comes after
it. Behind a row it is -inf, which never beats what comes before it. Planes with a NaN of their own are left to `plain`.

Rows whose windows fit into a vector are for `threes_short`, longer ones for `threes_long`.
"""

from lectcode.kernels import threes_long, threes_short
from lectcode.kernels.simd import BYTES, lanes


def applies(geometry, dtype):
    """Tell whether the windows are such and hold floats, and whether the host has masks: without, `winners` is faster.

    The parts of a vector outside of the input are neither read nor written; before AVX-512 that takes detours.
    """
    return (
        BYTES >= 64
        and dtype.kind == "f"
        and geometry.kernel_size == (3, 3)
        and geometry.dilation == (1, 1)
        and geometry.stride in ((1, 1), (2, 2))
        and max(geometry.before) <= 1
        and geometry.before[0] < geometry.input_size[0]
    )


def backward(geometry, dtype):
    """Return the kernel, and what it is given between I and dI."""
    apart, before = geometry.stride[1], geometry.before
    # pixels and windows that a vector of windows must have room for; of windows one apart, also one that is not there
    places = max(-(-(geometry.input_size[1] + before[1]) // apart), geometry.output_size[1] + (apart == 1))
    if places > lanes(dtype):
        return threes_long.one_apart if apart == 1 else threes_long.two_apart, (before,)
    paired = True if 2 * places <= lanes(dtype) else None
    if apart == 1:
        return threes_short.one_apart, (before, paired)
    return threes_short.two_apart, (before, paired, True if 4 * places <= lanes(dtype) else None)
