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


def step_curves(steps, errors, marks, *, width=7.5):
    """Draw the errors of difference quotients against their steps, both on logarithmic axes.

    Parameters
    ----------
    steps : (n,) array
        The steps, positive.
    errors : dict
        From a curve's name to its (n,) errors; zeros are left out.
    marks : dict
        From a name to a step that is marked on the axis.
    width : float
        Width of the figure in inches.
    """
    figure, ax = _subplots(figsize=(width, 0.6 * width))
    styles = [(BLUE, "-", "o"), (ORANGE, "-", "s"), (BLUE, ":", "o"), (ORANGE, ":", "s")]
    for (name, error), (color, line, marker) in zip(errors.items(), styles, strict=True):
        seen = error > 0
        ax.loglog(steps[seen], error[seen], line, color=color, marker=marker, markersize=3.5, label=name)
    for name, step in marks.items():
        ax.axvline(step, color="#9a9a9a", linewidth=1, linestyle="--")
        ax.text(step, 1.02, name, ha="center", transform=ax.get_xaxis_transform())
    ax.set(xlabel="step $h$", ylabel="error of the derivative")
    ax.grid(color=PALE)
    ax.legend()
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
    gap = 1.0
    lefts = np.cumsum([0.0] + [panel["numbers"].shape[1] + gap for panel in panels])
    right, bottom = lefts[-1] - gap, max(len(panel["numbers"]) for panel in panels)
    figure, ax = _subplots(figsize=(width, width * (bottom + 1.0) / (right + 0.2)))
    size = 72 * width / (right + 0.2)  # a cell in points
    for panel, left in zip(panels, lefts, strict=False):
        numbers = panel["numbers"]
        longest = max(len(f"{x:g}") for x in numbers.flat)
        shade = panel.get("shade", np.zeros(numbers.shape))
        for i, j in np.ndindex(numbers.shape):
            face = plt.cm.Blues(0.75 * float(shade[i, j])) if "shade" in panel else "white"
            ax.add_patch(Rectangle((left + j, i), 1, 1, facecolor=face, edgecolor="#9a9a9a", linewidth=0.8))
            ink = "white" if shade[i, j] > 0.75 else INK
            font = min(13, 1.35 * size / longest, 0.5 * size)
            ax.text(left + j + 0.5, i + 0.5, f"{numbers[i, j]:g}", ha="center", va="center", fontsize=font, color=ink)
        middle, color = left + numbers.shape[1] / 2, panel.get("color", INK)
        ax.text(middle, -0.25, panel["title"], ha="center", va="bottom", color=color, fontsize=12)
        for top, start, height, span, edge in panel.get("windows", []):
            _outline(ax, top, left + start, height, span, edge)
    ax.set(xlim=(-0.1, right + 0.1), ylim=(bottom + 0.1, -0.9), aspect="equal")
    ax.axis("off")
    return figure


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
    figure, (left, right) = _subplots(1, 2, figsize=(width, width * 0.42))
    low, high = pair
    xs = np.array([low - 0.6, 0, high + 0.6])
    left.plot(xs, np.maximum(xs, 0), color=INK, linewidth=2)
    left.plot([low, high], [0, high], color=ORANGE, linewidth=1.5, linestyle="--")
    mean = (low + high) / 2
    chord, curve = high / 2, max(mean, 0)
    left.plot([mean, mean], [curve, chord], color=PALE, linewidth=7, zorder=0)
    for x, y, color, text, place in (
        (mean, chord, ORANGE, f"mean of ReLUs: {chord:g}", (-10, 8)),
        (mean, curve, BLUE, f"ReLU of mean: {curve:g}", (12, -12)),
    ):
        left.plot(x, y, "o", color=color, markersize=8)
        side = "right" if place[0] < 0 else "left"
        left.annotate(text, (x, y), place, textcoords="offset points", ha=side, color=color)
    left.plot([low, high], [0, high], "o", color=INK, markersize=5)
    left.set(xlabel="x", ylabel="ReLU(x)", title=f"a window that holds {low:g} and {high:g}")
    top = float(np.max(means[1]))
    right.plot([0, top], [0, top], color=INK, linewidth=1)
    right.plot(np.ravel(means[0]), np.ravel(means[1]), ".", color=BLUE, markersize=2, alpha=0.5, rasterized=True)
    right.set(xlabel="ReLU of mean", ylabel="mean of ReLUs", title="windows of edges in a photograph", aspect="equal")
    for ax in (left, right):
        ax.spines[["top", "right"]].set_visible(False)
    return figure


def stacks(panels, *, width=8.5):
    """Draw stacks of layers along one axis: which numbers two neighbouring outputs depend on.

    Parameters
    ----------
    panels : dict
        From a title to the lists (k, s) of kernel lengths and strides, first layer first; without padding or dilation.
    width : float
        Width of the figure in inches.
    """
    spans = []  # how many inputs two neighbouring outputs depend on
    for k, s in panels.values():
        spans.append(2)
        for length, stride in zip(k[::-1], s[::-1], strict=True):
            spans[-1] = (spans[-1] - 1) * stride + length
    figure, axes = _subplots(
        1, len(panels), figsize=(width, 2.7), sharey=True, squeeze=False, gridspec_kw={"width_ratios": spans}
    )
    for ax, (title, (k, s)), span in zip(axes[0], panels.items(), spans, strict=True):
        J = len(k)
        centre, step = [0.0], [1]  # of output 0 of each level, in input pixels
        for length, stride in zip(k, s, strict=True):
            centre.append(centre[-1] + (length - 1) / 2 * step[-1])
            step.append(step[-1] * stride)
        for output, color, shift in ((1, ORANGE, 0.07), (0, BLUE, 0.0)):
            level = {output}
            for j in range(J, 0, -1):
                below = set()
                for h in level:
                    reads = [h * s[j - 1] + i for i in range(k[j - 1])]
                    below |= set(reads)
                    for g in reads:
                        xs = centre[j] + h * step[j], centre[j - 1] + g * step[j - 1]
                        ax.plot(xs, (j, j - 1), color=color, linewidth=1, alpha=0.55, zorder=1)
                places = [centre[j] + h * step[j] for h in level]
                ax.plot(places, [j - shift] * len(places), "o", color=color, markersize=7, zorder=3 - output)
                level = below
            ax.plot(sorted(level), [-2 * shift] * len(level), "s", color=color, markersize=6, zorder=3 - output)
        ax.set(title=title, xlim=(-1, span), ylim=(-0.5, J + 0.35), yticks=range(J + 1))
        ax.set_yticklabels(["input"] + [f"layer {j}" for j in range(J)])
        ax.set_xticks([])
        ax.tick_params(left=False)
        ax.spines[:].set_visible(False)
    return figure


def curves(lines, *, xlabel, ylabel, log=False, legend=False, width=8.5):
    """Draw curves with their names at the right end, or in a legend.

    Parameters
    ----------
    lines : dict
        From a name to (xs, ys), drawn as a line, or to (xs, ys, marker).
    xlabel, ylabel : str
        The names of the axes.
    log : bool
        Whether the vertical axis is logarithmic.
    legend : bool
        Whether the names stand in a legend.
    width : float
        Width of the figure in inches.
    """
    figure, ax = _subplots(figsize=(width, width * 0.42))
    colors = (BLUE, ORANGE, GREEN, "#7a3b94")
    for (name, (xs, ys, *marker)), color in zip(lines.items(), colors, strict=False):
        ax.plot(xs, ys, *(marker or ["-"]), color=color, linewidth=2, markersize=5, label=name)
        if not legend:
            ax.annotate(name, (xs[-1], ys[-1]), (8, 0), textcoords="offset points", va="center", color=color)
    if legend:
        ax.legend(frameon=False)
    ax.set(xlabel=xlabel, ylabel=ylabel, yscale="log" if log else "linear")
    ax.spines[["top", "right"]].set_visible(False)
    return figure


def fields(picture, boxes, *, limits=(0, 255), width=8.5):
    """Draw rectangles on a picture, some of which may reach beyond it.

    Parameters
    ----------
    picture : (3, H, W) array
        What the rectangles lie on.
    boxes : list of (name, top, left, height, width, color)
        Rows and columns count from the picture's first pixel; names stand at the upper left corner.
    limits : pair of float
        The values drawn as black and as white.
    width : float
        Width of the figure in inches.
    """
    _, H, W = picture.shape
    first_row, first_column = (min(0, *(box[axis] for box in boxes)) for axis in (1, 2))
    last_row, last_column = (max(n, *(box[i] + box[i + 2] for box in boxes)) for i, n in ((1, H), (2, W)))
    rows, columns = last_row - first_row + 40, last_column - first_column + 10
    figure, ax = _subplots(figsize=(width, width * rows / columns))
    low, high = limits
    ax.imshow(np.clip((picture.transpose(1, 2, 0) - low) / (high - low), 0, 1))
    for name, top, left, height, span, color in boxes:
        ax.add_patch(Rectangle((left - 0.5, top - 0.5), span, height, fill=False, edgecolor="white", linewidth=4))
        ax.add_patch(Rectangle((left - 0.5, top - 0.5), span, height, fill=False, edgecolor=color, linewidth=2.2))
        label = {"facecolor": "white", "edgecolor": color, "boxstyle": "round,pad=0.2"}
        ax.text(left, top - 5, name, color=color, fontsize=10, va="bottom", ha="left", bbox=label)
    ax.set(xlim=(first_column - 5, last_column + 5), ylim=(last_row + 5, first_row - 35))
    ax.axis("off")
    return figure


def heat_maps(maps, *, width=8.5):
    """Draw arrays of non-negative numbers as heat maps, each from white at 0 to dark at its own largest value.

    Parameters
    ----------
    maps : dict
        From a title to a (H, W) array.
    width : float
        Width of the figure in inches.
    """
    figure, axes = _subplots(1, len(maps), figsize=(width, width / len(maps) + 0.35), squeeze=False)
    for ax, (title, values) in zip(axes.flat, maps.items(), strict=True):
        ax.imshow(values, cmap="Blues", vmin=0, vmax=float(np.max(values)))
        ax.set(title=title, xticks=[], yticks=[])
    return figure
