"""What all figures share: the palette, the style of text and axes, a new figure, a cell, an outline."""

import functools

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.colors import to_rgb
from matplotlib.patches import Rectangle

# Blue is what is read, orange what it is multiplied by, green what comes out, purple a fourth. All are dark enough for
# text on white and stay apart for colour-blind eyes; _static/book.css has the same and their partners for dark pages.
BLUE, ORANGE, GREEN, PURPLE = "#0072b2", "#bd4b00", "#00664c", "#5c1a6c"
INK, GREY, PALE = "#1a1a1a", "#8a8a8a", "#e9e9e9"

STYLE = {
    "figure.facecolor": "white",
    "font.size": 11,
    "axes.titlesize": 12,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    **dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), INK),
}


def styled(draw):
    """Let a function that returns a figure draw all of it in the book's style."""

    @functools.wraps(draw)
    def drawn(*args, **options):
        with plt.rc_context(STYLE):
            return draw(*args, **options)

    return drawn


def subplots(*args, **options):
    """Return a new figure that a notebook shows once: as the value of its cell, not also as an open window."""
    figure, axes = plt.subplots(*args, layout="constrained", **options)
    plt.close(figure)
    return figure, axes


def sheet(width, top, bottom, left, right):
    """Return a new figure, its width in inches, and bare axes between these rows and columns; rows count downwards."""
    figure, ax = subplots(figsize=(width, width * (bottom - top) / (right - left)))
    ax.set(xlim=(left, right), ylim=(bottom, top), aspect="equal")
    ax.axis("off")
    return figure, ax


def cell(ax, top, left, face="white"):
    """Draw one cell of a grid, 1 x 1."""
    ax.add_patch(Rectangle((left, top), 1, 1, facecolor=face, edgecolor=GREY, linewidth=0.8))


def outline(ax, top, left, height, width, color, *, style="-", line=3.5, halo=0.0):
    """Draw the outline of a rectangle, on white that is `halo` points wider than the line."""
    for edge, thickness in (("white", line + halo), (color, line)) if halo else ((color, line),):
        corner = {"xy": (left, top), "height": height, "width": width}
        ax.add_patch(Rectangle(**corner, fill=False, edgecolor=edge, linewidth=thickness, linestyle=style))


def tint(color, strength):
    """Mix a colour with white: white at strength 0, the colour itself at 1."""
    return tuple(1 - strength * (1 - np.array(to_rgb(color))))
