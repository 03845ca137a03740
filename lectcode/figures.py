"""The book's figures. Each function takes arrays that a chapter computed and returns a Matplotlib figure.

Figures stand on white in light and dark mode alike, use the colour-blind safe palette below, and print no number that
the chapter did not compute.
"""

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.patches import Polygon, Rectangle

BLUE, ORANGE, GREEN, INK, PALE = "#0072b2", "#d55e00", "#00795a", "#1a1a1a", "#e9e9e9"
FONT = {"font.size": 11, "axes.titlesize": 11, "text.color": INK, "axes.labelcolor": INK, "figure.facecolor": "white"}


def _subplots(*args, **options):
    """Return a new figure that a notebook shows once: as the value of its cell, not also as an open window."""
    with plt.rc_context(FONT):
        figure, axes = plt.subplots(*args, layout="constrained", **options)
    plt.close(figure)
    return figure, axes


def _image(ax, picture, title, limits):
    """Draw a (H, W) or (3, H, W) array of values between the limits."""
    low, high = limits
    picture = np.clip((np.asarray(picture, float) - low) / (high - low), 0, 1)
    ax.imshow(picture if picture.ndim == 2 else picture.transpose(1, 2, 0), cmap="gray", vmin=0, vmax=1)
    ax.set_title(title)
    ax.axis("off")


def pictures(rows, *, limits=(0, 255), width=8.5):
    """Draw rows of images.

    Parameters
    ----------
    rows : list of dict
        One dictionary a row, from title to a (H, W) gray or (3, H, W) colour array.
    limits : pair of float
        The values drawn as black and as white; values beyond them are clipped.
    width : float
        Width of the figure in inches.
    """
    first = next(iter(rows[0].values()))
    columns = max(map(len, rows))
    height = width / columns * first.shape[-2] / first.shape[-1] + 0.3
    figure, axes = _subplots(len(rows), columns, figsize=(width, height * len(rows)), squeeze=False)
    for ax in axes.flat:
        ax.axis("off")
    for row, line in zip(axes, rows, strict=True):
        for ax, (title, picture) in zip(row, line.items(), strict=False):
            _image(ax, picture, title, limits)
    return figure


def _grid(ax, numbers, left, title, color, *, border=0):
    """Draw a matrix as a grid of numbers from x = left on; the outer border is padding, shaded."""
    H, W = numbers.shape
    for i, j in np.ndindex(H, W):
        inside = border <= i < H - border and border <= j < W - border
        face = "white" if inside else PALE
        ax.add_patch(Rectangle((left + j, i), 1, 1, facecolor=face, edgecolor="#9a9a9a", linewidth=0.8))
        ax.text(left + j + 0.5, i + 0.5, f"{numbers[i, j]:g}", ha="center", va="center", fontsize=13)
    ax.text(left + W / 2, -0.3, title, ha="center", va="bottom", color=color, fontsize=13)


def _outline(ax, top, left, height, width, color):
    ax.add_patch(Rectangle((left, top), width, height, fill=False, edgecolor=color, linewidth=3.5))


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
    gap = 1.3
    left_F = I_pad.shape[1] + gap
    left_O = left_F + F.shape[1] + gap
    right, bottom = left_O + O.shape[1], max(len(I_pad), len(F), len(O))
    figure, ax = _subplots(figsize=(8.5, 8.5 * (bottom + 1) / (right + 0.2)))
    _grid(ax, I_pad, 0, r"padded input $\mathbf{I}_{pad}$", BLUE, border=padding)
    _grid(ax, F, left_F, r"filter $\mathbf{F}$", ORANGE)
    _grid(ax, O, left_O, r"output $\mathbf{O}$", GREEN)
    _outline(ax, h * stride, w * stride, *F.shape, BLUE)
    _outline(ax, 0, left_F, *F.shape, ORANGE)
    _outline(ax, h, left_O + w, 1, 1, GREEN)
    ax.set(xlim=(-0.1, right + 0.1), ylim=(bottom + 0.1, -0.9), aspect="equal")
    ax.axis("off")
    return figure


def axis_windows(H, K, *, stride, padding):
    """Draw a padded axis as numbered cells and below it every window that fits, and the first that does not.

    Parameters
    ----------
    H, K : int
        Lengths of the axis and of the window.
    stride : int
        S.
    padding : (before, after)
        The cells added at each end.
    """
    before, after = padding
    H_pad = before + H + after
    fitting = (H_pad - K) // stride + 1
    last = (fitting - 1) * stride + K  # from here on nothing is read
    right = max(H_pad, fitting * stride + K)
    figure, ax = _subplots(figsize=(8.5, 8.5 * (fitting + 3.1) / (right + 4.4)))
    for i in range(H_pad):
        face = "white" if before <= i < before + H else PALE
        ax.add_patch(Rectangle((i, 0), 1, 1, facecolor=face, edgecolor="#9a9a9a", linewidth=0.8))
        if i >= last:
            ax.add_patch(Rectangle((i, 0), 1, 1, fill=False, hatch="////", edgecolor=ORANGE, linewidth=1.2))
        ax.text(i + 0.5, -0.3, str(i), ha="center", fontsize=10, color="#555555")
    for h in range(fitting + 1):
        fits, left, top = h < fitting, h * stride, 1.25 + h
        bar = {"facecolor": BLUE, "alpha": 0.85} if fits else {"fill": False, "edgecolor": ORANGE, "linestyle": "--"}
        ax.add_patch(Rectangle((left, top), K, 0.7, linewidth=1.6, **bar))
        words = f"$h = {h}$" + ("" if fits else " does not fit")
        ax.text(left + K + 0.25, top + 0.35, words, va="center", fontsize=11, color=INK if fits else ORANGE)
    ax.set(xlim=(-0.1, right + 4.3), ylim=(fitting + 2.3, -0.8), aspect="equal")
    ax.axis("off")
    return figure


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
    figure, axes = _subplots(1, len(masks), figsize=(width, width / len(masks) * H / W + 0.35), squeeze=False)
    for ax, (title, read) in zip(axes.flat, masks.items(), strict=True):
        shown = np.where(read, picture, 0.3 * picture + 0.7 * np.array([213, 94, 0])[:, None, None])
        _image(ax, shown, title, (0, 255))
        K, S = sizes[title]
        for top in range(0, H - K + 1, S):
            for left in range(0, W - K + 1, S):
                corner = (left - 0.5, top - 0.5)
                ax.add_patch(Rectangle(corner, K, K, fill=False, edgecolor="white", linewidth=2.6))
                ax.add_patch(Rectangle(corner, K, K, fill=False, edgecolor=BLUE, linewidth=1.3))
        ax.add_patch(Rectangle((-0.5, -0.5), K, K, fill=False, edgecolor=BLUE, linewidth=4))
    return figure


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
    gap = 1.3
    left_G = I_pad.shape[1] + gap
    left_dF = left_G + G.shape[1] + gap
    right, bottom = left_dF + dF.shape[1], max(len(I_pad), len(G), len(dF))
    figure, ax = _subplots(figsize=(8.5, 8.5 * (bottom + 1) / (right + 0.2)))
    _grid(ax, I_pad, 0, r"padded input $\mathbf{I}_{pad}$", BLUE, border=padding)
    _grid(ax, G, left_G, r"given $\mathbf{G}$", ORANGE)
    _grid(ax, dF, left_dF, r"$\partial L / \partial \mathbf{F}$", GREEN)
    for h, w in np.ndindex(G.shape):
        _outline(ax, h * stride + k_h, w * stride + k_w, 1, 1, BLUE)
    _outline(ax, 0, left_G, *G.shape, ORANGE)
    _outline(ax, k_h, left_dF + k_w, 1, 1, GREEN)
    ax.set(xlim=(-0.1, right + 0.1), ylim=(bottom + 0.1, -0.9), aspect="equal")
    ax.axis("off")
    return figure


def pixel(G, F, dI_pad, u, v, *, stride, padding):
    """Draw which upstream gradients meet which filter entries in one entry of the gradient of the padded input.

    Parameters
    ----------
    G, F, dI_pad : (H_out, W_out), (K_h, K_w), (H + 2P, W + 2P) arrays
        What the chapter computed, for one channel; small enough to read.
    u, v : int
        The entry of dI_pad.
    stride, padding : int
        S and P.
    """
    gap = 1.3
    left_F = G.shape[1] + gap
    left_dI = left_F + F.shape[1] + gap
    right, bottom = left_dI + dI_pad.shape[1], max(len(G), len(F), len(dI_pad))
    figure, ax = _subplots(figsize=(8.5, 8.5 * (bottom + 1) / (right + 0.2)))
    _grid(ax, G, 0, r"given $\mathbf{G}$", INK)
    _grid(ax, F, left_F, r"filter $\mathbf{F}$", INK)
    _grid(ax, dI_pad, left_dI, r"$\partial L / \partial \mathbf{I}_{pad}$", GREEN, border=padding)
    pairs = [
        (h, w) for h, w in np.ndindex(G.shape) if 0 <= u - h * stride < F.shape[0] and 0 <= v - w * stride < F.shape[1]
    ]
    for (h, w), color, style in zip(pairs, (BLUE, ORANGE, INK, "#9a6a00"), ("-", "--", ":", "-."), strict=False):
        for top, left in ((h, w), (u - h * stride, left_F + v - w * stride)):
            ax.add_patch(Rectangle((left, top), 1, 1, fill=False, edgecolor=color, linewidth=3.5, linestyle=style))
    _outline(ax, u, left_dI + v, 1, 1, GREEN)
    ax.set(xlim=(-0.1, right + 0.1), ylim=(bottom + 0.1, -0.9), aspect="equal")
    ax.axis("off")
    return figure


def matrices(grids, *, digits=2, width=8.5):
    """Draw small matrices side by side: each entry as a number on a color, blue below zero and orange above.

    Parameters
    ----------
    grids : dict
        From a title to a (K_h, K_w) array.
    digits : int
        Digits shown after the point.
    width : float
        Width of the figure in inches.
    """
    largest = max(np.abs(grid).max() for grid in grids.values())
    figure, axes = _subplots(1, len(grids), figsize=(width, width / len(grids) + 0.4), squeeze=False)
    for ax, (title, grid) in zip(axes.flat, grids.items(), strict=True):
        for i, j in np.ndindex(grid.shape):
            color, strength = (ORANGE if grid[i, j] > 0 else BLUE), abs(grid[i, j]) / largest
            ax.add_patch(Rectangle((j, i), 1, 1, facecolor=color, alpha=0.75 * strength, edgecolor="none"))
            ax.add_patch(Rectangle((j, i), 1, 1, fill=False, edgecolor="#9a9a9a", linewidth=0.8))
            words = f"{round(grid[i, j], digits) + 0.0:.{digits}f}".replace("-", "\N{MINUS SIGN}")
            ax.text(j + 0.5, i + 0.5, words, ha="center", va="center", fontsize=10)
        ax.set(xlim=(-0.05, grid.shape[1] + 0.05), ylim=(grid.shape[0] + 0.05, -0.05), aspect="equal", title=title)
        ax.axis("off")
    return figure


def curves(lines, *, x, y, height=3.6, width=8.5):
    """Draw curves on logarithmic axes, each named at its end.

    Parameters
    ----------
    lines : dict
        From a name to the values at 1, 2, 3, ...
    x, y : str
        What the axes show.
    height, width : float
        Size of the figure in inches.
    """
    figure, ax = _subplots(figsize=(width, height))
    styles = zip(lines.items(), (BLUE, ORANGE, GREEN, INK), ("-", "--", "-.", ":"), strict=False)
    for (name, values), color, style in styles:
        steps = np.arange(1, len(values) + 1)
        ax.plot(steps, values, color=color, linestyle=style, linewidth=2.2)
        ax.annotate(
            name, (steps[-1], values[-1]), (6, 0), textcoords="offset points", va="center", color=color, fontsize=11
        )
    ax.set(xscale="log", yscale="log", xlabel=x, ylabel=y)
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(color=PALE)
    return figure


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
    figure, ax = _subplots(figsize=(width, width * H / W))
    step = W / len(versions)
    lean = slant * step
    for position, (name, picture) in enumerate(versions.items()):
        left, right = position * step, (position + 1) * step
        left, right = left if position else left - lean, right if right < W else right + lean
        corners = [(left + lean, 0), (right + lean, 0), (right - lean, H), (left - lean, H)]
        shown = ax.imshow(np.clip((picture.transpose(1, 2, 0) - limits[0]) / (limits[1] - limits[0]), 0, 1))
        shown.set_clip_path(Polygon(corners, transform=ax.transData))
        ax.text(
            (position + 0.5) * step,
            H - 14,
            name,
            ha="center",
            color="white",
            fontweight="bold",
            bbox={"facecolor": INK, "edgecolor": "none", "alpha": 0.75, "boxstyle": "round,pad=0.3"},
        )
        if position:
            ax.plot([left + lean, left - lean], [0, H], color="white", linewidth=2.5)
    ax.set(xlim=(0, W), ylim=(H, 0))
    ax.axis("off")
    return figure
