"""Photographs and other arrays that are shown as pictures."""

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.patches import Polygon

from lectcode.figures.canvas import BLUE, INK, ORANGE, outline, sheet, styled, subplots

# Words on photographs, in points: legible where a phone shows a figure of 8.5 inches at less than half its width.
# Drawings keep their size there and scroll (_static/book.css); photographs are compared, so all of them is shown.
TITLE = 18


def _show(ax, picture, limits):
    """Draw a (H, W) or (3, H, W) array, black at the first limit and white at the second; values beyond are clipped."""
    low, high = limits
    shown = np.clip((np.asarray(picture, float) - low) / (high - low), 0, 1)
    return ax.imshow(shown if shown.ndim == 2 else shown.transpose(1, 2, 0), cmap="gray", vmin=0, vmax=1)


@styled
def pictures(rows, *, limits=(0, 255), width=8.5):
    """Draw rows of pictures.

    Parameters
    ----------
    rows : list of dict
        One dictionary a row, from title to a (H, W) grey or (3, H, W) colour array.
    limits : pair of float
        The values drawn as black and as white; values beyond them are clipped.
    width : float
        Width of the figure in inches.
    """
    first = next(iter(rows[0].values()))
    columns = max(map(len, rows))
    title, above = (TITLE, 0.42) if columns < 4 else (None, 0.3)  # points; inches for a line of them
    height = width / columns * first.shape[-2] / first.shape[-1] + above
    figure, axes = subplots(len(rows), columns, figsize=(width, height * len(rows)), squeeze=False)
    for ax in axes.flat:
        ax.axis("off")
    for line, row in zip(axes, rows, strict=True):
        for ax, (name, picture) in zip(line, row.items(), strict=False):
            _show(ax, picture, limits)
            ax.set_title(name, fontsize=title)
    return figure


@styled
def tilings(picture, masks, sizes, *, width=8.5):
    """Draw a picture once for each way of laying windows on it; the first window is bold, what none reads orange.

    Parameters
    ----------
    picture : (3, H, W) array
        Values from 0 to 255.
    masks : dict
        From a title to a (H, W) array, true where a window reads.
    sizes : dict
        From the same titles to (K, S): the side of a window and the step between two of them.
    width : float
        Width of the figure in inches.
    """
    H, W = picture.shape[1:]
    orange = 255 * np.array(to_rgb(ORANGE))[:, None, None]
    figure, axes = subplots(1, len(masks), figsize=(width, width / len(masks) * H / W + 0.35), squeeze=False)
    for ax, (title, read) in zip(axes.flat, masks.items(), strict=True):
        _show(ax, np.where(read, picture, 0.3 * picture + 0.7 * orange), (0, 255))
        K, S = sizes[title]
        for top in range(0, H - K + 1, S):
            for left in range(0, W - K + 1, S):
                outline(ax, top - 0.5, left - 0.5, K, K, BLUE, line=1.3, halo=1.3)
        outline(ax, -0.5, -0.5, K, K, BLUE, line=4)
        ax.set_title(title, fontsize=TITLE if len(masks) < 4 else None)
        ax.axis("off")
    return figure


@styled
def strips(versions, *, limits=(0, 255), slant=0.35, width=8.5):
    """Draw one picture in slanted strips, each taken from another version of it.

    Parameters
    ----------
    versions : dict
        From a strip's name to a (3, H, W) array; all of one shape.
    limits : pair of float
        The values drawn as black and as white.
    slant : float
        How far a cut leans to the left, top to bottom, as a fraction of the strip's width.
    width : float
        Width of the figure in inches.
    """
    _, H, W = next(iter(versions.values())).shape
    figure, ax = sheet(width, 0, H, 0, W)
    step = W / len(versions)
    lean = slant * step
    label = {"facecolor": INK, "edgecolor": "none", "alpha": 0.75, "boxstyle": "round,pad=0.2"}
    words = {"color": "white", "fontsize": TITLE - 2, "fontweight": "bold", "ha": "center", "bbox": label}
    for position, (name, picture) in enumerate(versions.items()):
        left, right = position * step, (position + 1) * step
        left, right = left if position else left - lean, right if right < W else right + lean
        corners = [(left + lean, 0), (right + lean, 0), (right - lean, H), (left - lean, H)]
        _show(ax, picture, limits).set_clip_path(Polygon(corners, transform=ax.transData))
        bottom, above = ((position + 0.5) * step, H), (0, 14)
        ax.annotate(name, bottom, above, textcoords="offset points", **words)
        if position:
            ax.plot([left + lean, left - lean], [0, H], color="white", linewidth=2.5)
    return figure


@styled
def fields(picture, boxes, *, limits=(0, 255), width=8.5):
    """Draw rectangles on a picture, some of which may reach beyond it.

    Parameters
    ----------
    picture : (3, H, W) array
        What the rectangles lie on.
    boxes : list of (name, top, left, height, width, color)
        Rows and columns count from the picture's first pixel; names stand above and below their boxes by turns, so that
        those of boxes in one another keep apart.
    limits : pair of float
        The values drawn as black and as white.
    width : float
        Width of the figure in inches.
    """
    _, H, W = picture.shape
    top, left = (min(0, *(box[axis] for box in boxes)) for axis in (1, 2))
    bottom, right = (max(n, *(box[i] + box[i + 2] for box in boxes)) for i, n in ((1, H), (2, W)))
    figure, ax = sheet(width, top - 45, bottom + 5, left - 5, right + 5)
    _show(ax, picture, limits)
    for number, (name, row, column, height, span, color) in enumerate(boxes):
        outline(ax, row - 0.5, column - 0.5, height, span, color, line=2.2, halo=1.8)
        label = {"facecolor": "white", "edgecolor": color, "boxstyle": "round,pad=0.2"}
        place, side = (row + height + 6, "top") if number % 2 else (row - 6, "bottom")
        ax.text(column, place, name, color=color, fontsize=TITLE, va=side, bbox=label)
    return figure


@styled
def heat_maps(maps, *, width=8.5):
    """Draw arrays of non-negative numbers as heat maps, each from white at 0 to dark at its own largest value.

    Parameters
    ----------
    maps : dict
        From a title to a (H, W) array.
    width : float
        Width of the figure in inches.
    """
    figure, axes = subplots(1, len(maps), figsize=(width, width / len(maps) + 0.35), squeeze=False)
    for ax, (title, values) in zip(axes.flat, maps.items(), strict=True):
        ax.imshow(values, cmap="Blues", vmin=0, vmax=float(np.max(values)))
        ax.set(title=title, xticks=[], yticks=[])
        ax.spines[:].set_visible(True)
    return figure
