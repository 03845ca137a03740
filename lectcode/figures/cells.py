"""Small matrices of numbers in cells, side by side."""

import numpy as np

from lectcode.figures.canvas import BLUE, GREEN, INK, ORANGE, PALE, PURPLE, cell, outline, sheet, styled, tint


def _words(number, digits):
    """Write a number with a fixed number of digits, or with as many as it needs, and a real minus sign."""
    words = f"{number:g}" if digits is None else f"{round(number, digits) + 0.0:.{digits}f}"
    return words.replace("-", "\N{MINUS SIGN}")


def _row(panels, *, digits=None, gap=1.0, width=8.5):
    """Draw grids side by side, `gap` cells apart.

    Each panel has `title`; `numbers`, a (H, W) array; and, if need be, `color`, the title's; `faces`, H lists of W
    colours of cells; and `outlines`, a list of (top, left, height, width, color) or (..., color, line style).
    """
    shapes = [panel["numbers"].shape for panel in panels]
    lefts = np.cumsum([0.0] + [columns + gap for _, columns in shapes])
    right, bottom = lefts[-1] - gap, max(rows for rows, _ in shapes)
    figure, ax = sheet(width, -0.9, bottom + 0.1, -0.1, right + 0.1)
    size = 72 * width / (right + 0.2)  # a cell in points
    for panel, left in zip(panels, lefts[:-1], strict=True):
        numbers, faces = panel["numbers"], panel.get("faces")
        texts = {place: _words(number, digits) for place, number in np.ndenumerate(numbers)}
        font = min(13, 1.25 * size / max(map(len, texts.values())), 0.5 * size)
        for (i, j), words in texts.items():
            cell(ax, i, left + j, faces[i][j] if faces else "white")
            ax.text(left + j + 0.5, i + 0.5, words, ha="center", va="center", fontsize=font)
        middle, color = left + numbers.shape[1] / 2, panel.get("color", INK)
        ax.text(middle, -0.25, panel["title"], ha="center", va="bottom", color=color, fontsize=12)
        for top, start, height, span, edge, *style in panel.get("outlines", []):
            outline(ax, top, left + start, height, span, edge, style=style[0] if style else "-")
    return figure


def _framed(numbers, padding):
    """Return the colours of the cells of a padded array: its frame is pale."""
    H, W = numbers.shape
    inside = np.pad(np.ones((H - 2 * padding, W - 2 * padding), bool), padding)
    return [["white" if own else PALE for own in row] for row in inside]


@styled
def grids(panels, *, width=8.5):
    """Draw small matrices of numbers side by side, with windows outlined.

    Parameters
    ----------
    panels : list of dict
        Each has `numbers`, a (H, W) array that is small enough to read; `title`; `color`, the title's, ink if omitted;
        `windows`, a list of (top, left, height, width, color) to outline; and `shade`, a (H, W) array from 0 to 1
        that tints the cells from white to blue.
    width : float
        Width of the figure in inches.
    """
    row = []
    for panel in panels:
        shade = panel.get("shade", np.zeros(panel["numbers"].shape))
        faces = [[tint(BLUE, 0.75 * strength) for strength in line] for line in shade]
        row.append(panel | {"faces": faces, "outlines": panel.get("windows", [])})
    return _row(row, width=width)


@styled
def matrices(panels, *, digits=2, width=8.5):
    """Draw small matrices side by side: each entry as a number on a colour, blue below zero and orange above.

    Parameters
    ----------
    panels : dict
        From a title to a (K_h, K_w) array. The largest entry of all has the strongest colour.
    digits : int
        Digits shown after the point.
    width : float
        Width of the figure in inches.
    """
    largest = max(np.abs(numbers).max() for numbers in panels.values())
    row = []
    for title, numbers in panels.items():
        strengths = 0.75 * np.abs(numbers) / largest
        hues = np.where(numbers > 0, ORANGE, BLUE)
        faces = [[tint(*pair) for pair in zip(*line, strict=True)] for line in zip(hues, strengths, strict=True)]
        row.append({"title": title, "numbers": numbers, "faces": faces})
    return _row(row, digits=digits, gap=0.4, width=width)


@styled
def window(I_pad, F, O, h, w, *, stride, padding):
    """Draw one channel of a padded input, a filter and the output, with the window of O[h, w] outlined.

    Parameters
    ----------
    I_pad, F, O : (H + 2P, W + 2P), (K_h, K_w), (H_out, W_out) arrays
        What the chapter computed; small enough to read.
    h, w : int
        The output entry.
    stride, padding : int
        S and P.
    """
    padded = {"title": r"padded input $\mathbf{I}_{pad}$", "numbers": I_pad, "faces": _framed(I_pad, padding)}
    place = h * stride, w * stride, *F.shape
    return _row(
        [
            padded | {"color": BLUE, "outlines": [(*place, BLUE)]},
            {"title": r"filter $\mathbf{F}$", "numbers": F, "color": ORANGE, "outlines": [(0, 0, *F.shape, ORANGE)]},
            {"title": r"output $\mathbf{O}$", "numbers": O, "color": GREEN, "outlines": [(h, w, 1, 1, GREEN)]},
        ]
    )


@styled
def filter_entry(I_pad, G, dF, k_h, k_w, *, stride, padding):
    """Draw which pixels meet which upstream gradients in one entry of the gradient of a filter.

    Parameters
    ----------
    I_pad, G, dF : (H + 2P, W + 2P), (H_out, W_out), (K_h, K_w) arrays
        What the chapter computed, for one channel; small enough to read.
    k_h, k_w : int
        The entry of dF.
    stride, padding : int
        S and P.
    """
    padded = {"title": r"padded input $\mathbf{I}_{pad}$", "numbers": I_pad, "faces": _framed(I_pad, padding)}
    met = [(h * stride + k_h, w * stride + k_w, 1, 1, BLUE) for h, w in np.ndindex(G.shape)]
    entry = [(k_h, k_w, 1, 1, GREEN)]
    return _row(
        [
            padded | {"color": BLUE, "outlines": met},
            {"title": r"given $\mathbf{G}$", "numbers": G, "color": ORANGE, "outlines": [(0, 0, *G.shape, ORANGE)]},
            {"title": r"$\partial L / \partial \mathbf{F}$", "numbers": dF, "color": GREEN, "outlines": entry},
        ]
    )


@styled
def pixel(G, F, dI_pad, u, v, *, stride, padding):
    """Draw which upstream gradients meet which filter entries in one entry of the gradient of the padded input.

    Parameters
    ----------
    G, F, dI_pad : (H_out, W_out), (K_h, K_w), (H + 2P, W + 2P) arrays
        What the chapter computed, for one channel; small enough to read.
    u, v : int
        The entry of dI_pad; in four windows at most, which have an outline each.
    stride, padding : int
        S and P.
    """
    places = [(h, w, u - h * stride, v - w * stride) for h, w in np.ndindex(G.shape)]
    pairs = [place for place in places if 0 <= place[2] < F.shape[0] and 0 <= place[3] < F.shape[1]]
    styles = [(BLUE, "-"), (ORANGE, "--"), (INK, ":"), (PURPLE, "-.")]
    if len(pairs) > len(styles):
        raise ValueError(f"[u, v] = [{u}, {v}] is in {len(pairs)} windows; the figure can tell {len(styles)} apart")
    in_G = [(h, w, 1, 1, *style) for (h, w, _, _), style in zip(pairs, styles, strict=False)]
    in_F = [(k_h, k_w, 1, 1, *style) for (_, _, k_h, k_w), style in zip(pairs, styles, strict=False)]
    gradient = {"title": r"$\partial L / \partial \mathbf{I}_{pad}$", "numbers": dI_pad}
    return _row(
        [
            {"title": r"given $\mathbf{G}$", "numbers": G, "outlines": in_G},
            {"title": r"filter $\mathbf{F}$", "numbers": F, "outlines": in_F},
            gradient | {"color": GREEN, "faces": _framed(dI_pad, padding), "outlines": [(u, v, 1, 1, GREEN)]},
        ]
    )
