"""Curves and clouds of points over axes with numbers."""

from itertools import cycle

import numpy as np

from lectcode.figures.canvas import BLUE, GREEN, GREY, INK, ORANGE, PALE, PURPLE, styled, subplots


@styled
def curves(lines, *, xlabel, ylabel, log="", marks=None, legend=False, colors=(BLUE, ORANGE, GREEN, PURPLE), width=8.5):
    """Draw curves with their names at the right end, or in a legend.

    Parameters
    ----------
    lines : dict
        From a name to (xs, ys), two (n,) arrays, or to (xs, ys, style), where style is Matplotlib's, such as "--" or
        "o". On a logarithmic vertical axis, values that are not positive are left out.
    xlabel, ylabel : str
        The names of the axes.
    log : str
        The logarithmic axes: "", "x", "y" or "xy".
    marks : dict
        From a name to an x that is marked by a vertical line.
    legend : bool
        Whether the names stand in a legend.
    colors : list of str
        The colours of the curves, in order.
    width : float
        Width of the figure in inches.
    """
    if len(lines) > len(colors):
        raise ValueError(f"there are {len(lines)} lines and only {len(colors)} colors")
    figure, ax = subplots(figsize=(width, width * 0.42))
    ax.set(xlabel=xlabel, ylabel=ylabel, **{f"{axis}scale": "log" for axis in log})
    dashes = cycle(("-", "--", "-.", ":"))
    for (name, (xs, ys, *style)), color, line in zip(lines.items(), colors, dashes, strict=False):
        xs, ys = np.asarray(xs), np.asarray(ys)
        seen = ys > 0 if "y" in log else np.full(ys.shape, True)
        ax.plot(xs[seen], ys[seen], *(style or [line]), color=color, linewidth=2, markersize=4, label=name)
        if not legend:
            end = xs[seen][-1], ys[seen][-1]
            ax.annotate(name, end, (8, 0), textcoords="offset points", va="center", color=color)
    for name, x in (marks or {}).items():
        ax.axvline(x, color=GREY, linewidth=1, linestyle="--", zorder=1)
        ax.text(x, 1.02, name, ha="center", transform=ax.get_xaxis_transform())
    if legend:
        ax.legend()
    ax.grid(color=PALE)
    ax.set_axisbelow(True)
    return figure


@styled
def relu_of_means(pair, means, *, width=8.5):
    """Draw why the ReLU of a mean is at most the mean of the ReLUs: for two numbers, and for many windows.

    Parameters
    ----------
    pair : two floats
        The window of the left panel, one number below zero and one above.
    means : pair of arrays of the same shape
        For each window of some data: the ReLU of its mean, and the mean of its ReLUs.
    width : float
        Width of the figure in inches.
    """
    figure, (left, right) = subplots(1, 2, figsize=(width, width * 0.42))
    low, high = pair
    xs = np.array([low - 0.6, 0, high + 0.6])
    left.plot(xs, np.maximum(xs, 0), color=INK, linewidth=2)
    left.plot([low, high], [0, high], color=ORANGE, linewidth=1.5, linestyle="--")
    mean = (low + high) / 2
    chord, curve = high / 2, max(mean, 0)
    left.plot([mean, mean], [curve, chord], color=PALE, linewidth=7, zorder=0)
    for y, color, words, place, side in (
        (chord, ORANGE, f"mean of ReLUs: {chord:g}", (-10, 8), "right"),
        (curve, BLUE, f"ReLU of mean: {curve:g}", (12, -12), "left"),
    ):
        left.plot(mean, y, "o", color=color, markersize=8)
        left.annotate(words, (mean, y), place, textcoords="offset points", ha=side, color=color)
    left.plot([low, high], [0, high], "o", color=INK, markersize=5)
    title = f"a window that holds {low:g} and {high:g}".replace("-", "\N{MINUS SIGN}")
    left.set(xlabel="x", ylabel="ReLU(x)", title=title)
    top = float(np.max(means[1]))
    right.plot([0, top], [0, top], color=INK, linewidth=1)
    right.plot(np.ravel(means[0]), np.ravel(means[1]), ".", color=BLUE, markersize=2, alpha=0.5, rasterized=True)
    right.set(xlabel="ReLU of mean", ylabel="mean of ReLUs", title="windows of edges in a photograph", aspect="equal")
    return figure
