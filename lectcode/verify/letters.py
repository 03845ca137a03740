"""The geometry of a layer by its letters: S or S_h and S_w; P, P_h and P_w, or a padding for each side; and so on.

The paddings of the sides are P_{top}, P_{bottom}, P_{left} and P_{right}, or P_t, P_b, P_l and P_r.

The sizes may be numbers or symbols: anything under their names.
"""

from __future__ import annotations

from collections.abc import Mapping

_SIDES = ((("P_top", "P_bottom"), ("P_t", "P_b")), (("P_left", "P_right"), ("P_l", "P_r")))
_SETTINGS = {letter + axis for letter in "KSPD" for axis in ("", "_h", "_w")}
_SETTINGS |= {side for axis in _SIDES for names in axis for side in names}
OUTPUT_SIZES = ("H_out", "W_out")


def is_setting(name: str) -> bool:
    """Does the name say how a window slides?"""
    return name in _SETTINGS


def along(sizes: Mapping, letter: str, axis: int, default=None):
    """A size along one axis, 0 for the height: S, or S_h and S_w; the default where the page has neither."""
    own = f"{letter}_{'hw'[axis]}"
    if letter in sizes and own in sizes:
        raise KeyError(f"both {letter} and {own} among the sizes {', '.join(sizes)}")
    if letter in sizes or own in sizes:
        return sizes[letter if letter in sizes else own]
    if default is None:
        raise KeyError(f"neither {letter} nor {own} among the sizes {', '.join(sizes)}")
    return default


def pads(sizes: Mapping, axis: int) -> tuple[int, int]:
    """The padding before and after, along one axis: P, or P_h and P_w, or one for each side."""
    for before, after in _SIDES[axis]:
        if before in sizes or after in sizes:
            return sizes[before], sizes[after]
    P = along(sizes, "P", axis, 0)
    return P, P


def pair(sizes: Mapping, letter: str, default=None) -> tuple[int, int]:
    """A size along both axes."""
    return along(sizes, letter, 0, default), along(sizes, letter, 1, default)


def padding(sizes: Mapping) -> tuple[tuple[int, int], tuple[int, int]]:
    """The padding of all four sides."""
    return pads(sizes, 0), pads(sizes, 1)
