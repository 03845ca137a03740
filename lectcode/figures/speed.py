"""How fast: rooflines, ladders of rates, and ratios to other programs."""

import numpy as np

from lectcode.figures.canvas import BLUE, GREEN, GREY, INK, ORANGE, PALE, PURPLE, styled, subplots

COLORS = (BLUE, ORANGE, GREEN, PURPLE)


@styled
def roofline(clouds, peak, bandwidth, *, width=8.5):
    """Draw what layers reached under the two limits of a machine, both axes logarithmic.

    Parameters
    ----------
    clouds : dict
        From a name to (intensities in flop per byte, rates in flop per second), two (n,) arrays.
    peak : float
        Flop per second that the processor can do.
    bandwidth : float
        Bytes per second that the memory can move.
    width : float
        Width of the figure in inches.
    """
    figure, ax = subplots(figsize=(width, width * 0.5))
    found = np.concatenate([np.asarray(xs, float) for xs, _ in clouds.values()])
    xs = np.geomspace(min(found.min(), peak / bandwidth) / 2, max(found.max(), peak / bandwidth) * 2, 200)
    ax.plot(xs, np.minimum(peak, xs * bandwidth) / 1e9, color=INK, linewidth=2)
    kink = peak / bandwidth, peak / 1e9  # to the left of it there are no dots
    ax.annotate(f"arithmetic: {peak / 1e9:.0f} GFlop/s", kink, (0, 6), **_words, ha="right")
    low = (xs[0] * peak / bandwidth) ** 0.5  # halfway up the slope
    ax.annotate(f"memory: {bandwidth / 1e9:.0f} GB/s", (low, low * bandwidth / 1e9), (-8, 8), **_words, ha="right")
    for (name, (intensity, rate)), color, marker in zip(clouds.items(), COLORS, "os^D", strict=False):
        ax.plot(intensity, np.asarray(rate) / 1e9, marker, color=color, markersize=5, alpha=0.7, label=name)
    ax.set(xscale="log", yscale="log", xlabel="flop per byte", ylabel="GFlop/s")
    ax.legend(loc="lower right")
    ax.grid(color=PALE)
    ax.set_axisbelow(True)
    return figure


@styled
def ladder(rates, peak, *, width=8.5):
    """Draw one bar for each way to compute the same thing, and what the machine could do.

    Parameters
    ----------
    rates : dict of floats
        From a name to flop per second, the slowest first.
    peak : float
        Flop per second that the processor can do.
    width : float
        Width of the figure in inches.
    """
    figure, ax = subplots(figsize=(width, 0.5 * len(rates) + 0.9))
    values = np.array(list(rates.values())) / 1e9
    places = np.arange(len(rates))[::-1]
    ax.barh(places, values, left=0, color=BLUE, height=0.62)
    for place, value in zip(places, values, strict=True):
        box = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}  # in front of the dashed line
        words = f"{float(f'{value:.2g}'):g}"  # two digits, also of what is 100 or more
        ax.annotate(words, (value, place), (6, 0), textcoords="offset points", va="center", bbox=box)
    ax.axvline(peak / 1e9, color=ORANGE, linewidth=2, linestyle="--")
    ax.annotate("fused multiply-adds", (peak / 1e9, 1.0), (-5, 4), xycoords=("data", "axes fraction"), color=ORANGE,
                textcoords="offset points", ha="right")  # fmt: skip
    ax.set(xscale="log", xlim=(min(values) / 2, max(peak / 1e9, max(values)) * 2.5), xlabel="GFlop/s")
    ax.set_yticks(places, list(rates))
    ax.grid(axis="x", color=PALE)
    ax.set_axisbelow(True)
    return figure


@styled
def ratios(groups, *, xlabel, width=8.5):
    """Draw each group of ratios as a row of dots on a logarithmic axis, with its geometric mean.

    Parameters
    ----------
    groups : dict
        From a name to an (n,) array of positive ratios. To the right of 1 lectcode is faster.
    xlabel : str
        The name of the axis.
    width : float
        Width of the figure in inches.
    """
    figure, ax = subplots(figsize=(width, 0.55 * len(groups) + 0.9))
    ax.axvline(1, color=INK, linewidth=1.5)
    for place, values in zip(range(len(groups) - 1, -1, -1), groups.values(), strict=True):
        values = np.sort(np.asarray(values, float))
        heights = place + 0.18 * np.resize((0, 1, -1, 0.5, -0.5), values.size)  # apart, so that each can be seen
        faster = values >= 1
        ax.plot(values[faster], heights[faster], "o", color=BLUE, markersize=4, alpha=0.55)
        ax.plot(values[~faster], heights[~faster], "s", color=ORANGE, markersize=4, alpha=0.55)
        mean = np.exp(np.log(values).mean())
        ax.plot([mean, mean], [place - 0.34, place + 0.34], color=INK, linewidth=3)
        ax.annotate(f"{mean:.2f}", (1.01, place), xycoords=("axes fraction", "data"), va="center")
    ax.set(xscale="log", xlabel=xlabel)
    left, right = ax.get_xlim()
    ax.set_xlim(min(left, 0.48), max(right, 2.1))  # even if all are near 1, their distance can be read
    ticks = [t for t in (0.1, 0.25, 0.5, 1, 2, 4, 10, 25, 100) if ax.get_xlim()[0] <= t <= ax.get_xlim()[1]]
    ax.set_xticks(ticks, [f"{t:g}" for t in ticks])
    ax.minorticks_off()
    ax.set_yticks(range(len(groups) - 1, -1, -1), list(groups))
    ax.grid(axis="x", color=PALE)
    ax.set_axisbelow(True)
    return figure


@styled
def error_maps(errors, limit, *, unit, width=8.5):
    """Draw maps of rounding errors side by side, all on one scale from -limit to limit.

    Parameters
    ----------
    errors : dict
        From a title to an (H, W) array.
    limit : float
        What is as dark as can be.
    unit : str
        What one of the scale is.
    width : float
        Width of the figure in inches.
    """
    figure, axes = subplots(1, len(errors), figsize=(width, width / len(errors) * 0.92), squeeze=False)
    for ax, (title, values) in zip(axes[0], errors.items(), strict=True):
        image = ax.imshow(values, cmap="PuOr", vmin=-limit, vmax=limit, interpolation="nearest")
        ax.set(title=title, xticks=[], yticks=[])
        for spine in ax.spines.values():
            spine.set(visible=True, color=GREY)
    bar = figure.colorbar(image, ax=list(axes[0]), shrink=0.8)
    bar.set_label(unit)
    return figure


_words = {"textcoords": "offset points", "color": INK}
