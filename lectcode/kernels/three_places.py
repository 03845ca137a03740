"""Of three places in a row, or in a column: which holds the largest number, and what each is given for it."""

from lectcode.kernels.compiled import inlined
from lectcode.kernels.simd import but, choose, larger, overtakes


@inlined
def largest(a, b, c):
    """Return the largest of three, and where it is the second and the third; where neither, it is the first.

    NaN in the first place is padding, which any number beats; -inf in the second and the third beats nothing.
    """
    later = overtakes(b, a)
    value = choose(larger(a, b), a, b)
    third = larger(c, value)
    return choose(third, c, value), but(later, third), third


@inlined
def split(share, second, third, nothing):
    """Return what windows give to their first, second and third places."""
    return choose(second | third, nothing, share), choose(second, share, nothing), choose(third, share, nothing)
