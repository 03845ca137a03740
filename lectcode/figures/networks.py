"""What a network learns and what it sees: learning curves, filters and feature maps, sensitivity."""

import numpy as np
from matplotlib.colors import LinearSegmentedColormap

from lectcode.figures.canvas import BLUE, INK, ORANGE, PALE, styled, subplots

SIGNED = LinearSegmentedColormap.from_list("signed", [BLUE, "white", ORANGE])


@styled
def learning_curves(losses, wrong, *, target, width=8.5):
    """Draw how training went, one thin line a run and the mean of all runs bold.

    Parameters
    ----------
    losses : (runs, epochs) array
        The mean loss on the training digits in each epoch.
    wrong : (runs, epochs) array
        Per cent of the test digits that are misread after each epoch.
    target : float
        The per cent that are to be reached: a dashed line.
    width : float
        Width of the figure in inches.
    """
    figure, axes = subplots(1, 2, figsize=(width, width * 0.4))
    epochs = 1 + np.arange(np.shape(losses)[1])
    for ax, runs, color, name in (
        (axes[0], losses, BLUE, "training loss"),
        (axes[1], wrong, ORANGE, "test digits misread, %"),
    ):
        for run in runs:
            ax.plot(epochs, run, color=color, linewidth=0.8, alpha=0.6)
        ax.plot(epochs, np.mean(runs, axis=0), color=color, linewidth=2.5)
        ax.set(xlabel="epoch", ylabel=name)
        ax.grid(color=PALE)
        ax.set_axisbelow(True)
    axes[0].set_yscale("log")
    axes[1].axhline(target, color=INK, linewidth=1, linestyle="--")
    axes[1].annotate(f"{target:g} %", (epochs[-1], target), (0, 4), textcoords="offset points", ha="right")
    axes[1].set(ylim=(0, None))
    return figure


@styled
def maps(rows, *, signed=False, columns=16, width=8.5):
    """Draw many small arrays, a titled block for each stage.

    Parameters
    ----------
    rows : dict
        From a title to a (n, H, W) array. The largest entry of each block has the strongest colour.
    signed : bool
        Whether colours tell signs apart, blue below zero and orange above; else they run from white at 0 to ink.
    columns : int
        How many arrays stand side by side at most.
    width : float
        Width of the figure in inches.
    """
    blocks = {title: (np.asarray(block), -(-len(block) // columns)) for title, block in rows.items()}
    ratios = [lines + 0.75 for _, lines in blocks.values()]
    figure, axes = subplots(
        len(blocks), 1, figsize=(width, width / columns * sum(ratios)), squeeze=False, height_ratios=ratios
    )
    for ax, (title, (block, lines)) in zip(axes.flat, blocks.items(), strict=True):
        H, W = block.shape[1:]
        gap = max(H, W) / 8
        largest = np.abs(block).max() or 1
        for k, picture in enumerate(block):
            top, left = k // columns * (H + gap), k % columns * (W + gap)
            limits = {"vmin": -largest if signed else 0, "vmax": largest, "cmap": SIGNED if signed else "Greys"}
            ax.imshow(picture, extent=(left, left + W, top + H, top), **limits)
            frame = left + W * np.array([0, 1, 1, 0, 0]), top + H * np.array([0, 0, 1, 1, 0])
            ax.plot(*frame, color=INK, linewidth=0.5, clip_on=False)
        right = columns * (W + gap) - gap
        ax.set(xlim=(-0.1, right + 0.1), ylim=(lines * (H + gap) - gap + 0.1, -0.1), aspect="equal")
        ax.set_title(title, loc="left")  # above the first picture, however few there are
        ax.axis("off")
    return figure


@styled
def sensitivity(pictures, gradients, *, width=8.5):
    """Draw pictures, and below each its gradient: blue where less ink would raise the number, orange where more would.

    Parameters
    ----------
    pictures : dict
        From a title to a (H, W) array, white at 0.
    gradients : dict
        From the same titles to a (H, W) array; each is scaled by its own largest entry.
    width : float
        Width of the figure in inches.
    """
    figure, axes = subplots(2, len(pictures), figsize=(width, 2 * width / len(pictures) + 0.4), squeeze=False)
    for (above, below), (title, picture) in zip(axes.T, pictures.items(), strict=True):
        gradient = gradients[title]
        largest = np.abs(gradient).max() or 1
        above.imshow(picture, cmap="Greys", vmin=0)
        above.set_title(title)
        below.imshow(gradient, cmap=SIGNED, vmin=-largest, vmax=largest)
        for ax in (above, below):
            ax.set(xticks=[], yticks=[])
            ax.spines[:].set_visible(True)
    return figure
