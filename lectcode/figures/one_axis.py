"""What happens along one axis: the windows of one layer, and the layers on top of each other."""

from matplotlib.patches import Rectangle

from lectcode.figures.canvas import BLUE, INK, ORANGE, PALE, cell, sheet, styled, subplots


@styled
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
    figure, ax = sheet(8.5, -0.8, fitting + 2.05, -0.1, right + 4.3)
    for i in range(H_pad):
        cell(ax, 0, i, "white" if before <= i < before + H else PALE)
        if i >= last:
            ax.add_patch(Rectangle((i, 0), 1, 1, fill=False, hatch="////", edgecolor=ORANGE, linewidth=1.2))
        ax.text(i + 0.5, -0.3, str(i), ha="center")
    for h in range(fitting + 1):
        fits, left, top = h < fitting, h * stride, 1.25 + h
        bar = {"facecolor": BLUE, "alpha": 0.85} if fits else {"fill": False, "edgecolor": ORANGE, "linestyle": "--"}
        ax.add_patch(Rectangle((left, top), K, 0.7, linewidth=1.6, **bar))
        words = f"$h = {h}$" + ("" if fits else " does not fit")
        ax.text(left + K + 0.25, top + 0.35, words, va="center", color=INK if fits else ORANGE)
    return figure


def _levels(k, s, output):
    """Yield for each level, from the last layer down to the input, what the output depends on and what that reads."""
    level = {output}
    for length, stride in zip(k[::-1], s[::-1], strict=True):
        reads = {h: range(h * stride, h * stride + length) for h in sorted(level)}
        yield reads
        level = set().union(*reads.values())
    yield dict.fromkeys(sorted(level), ())


@styled
def stacks(panels, *, width=8.5):
    """Draw stacks of layers along one axis: which numbers two neighbouring outputs depend on.

    Parameters
    ----------
    panels : dict
        From a title to the lists (k, s) of kernel lengths and strides, first layer first; without padding or dilation.
    width : float
        Width of the figure in inches.
    """
    spans = [1 + max([*_levels(k, s, 1)][-1]) for k, s in panels.values()]  # in input pixels, from the first
    figure, axes = subplots(
        1, len(panels), figsize=(width, 2.7), sharey=True, squeeze=False, gridspec_kw={"width_ratios": spans}
    )
    for ax, (title, (k, s)), span in zip(axes[0], panels.items(), spans, strict=True):
        J = len(k)
        centre, step = [0.0], [1]  # of output 0 of each level, in input pixels
        for length, stride in zip(k, s, strict=True):
            centre.append(centre[-1] + (length - 1) / 2 * step[-1])
            step.append(step[-1] * stride)
        for output, color, shift in ((1, ORANGE, 0.07), (0, BLUE, 0.0)):
            for j, reads in zip(range(J, -1, -1), _levels(k, s, output), strict=True):
                places = [centre[j] + h * step[j] for h in reads]
                for place, below in zip(places, reads.values(), strict=True):
                    for g in below:
                        xs = place, centre[j - 1] + g * step[j - 1]
                        ax.plot(xs, (j, j - 1), color=color, linewidth=1, alpha=0.55, zorder=1)
                marker, depth = ("o", j - shift) if j else ("s", -2 * shift)
                ax.plot(places, [depth] * len(places), marker, color=color, markersize=7 if j else 6, zorder=3 - output)
        ax.set(title=title, xlim=(-1, span), ylim=(-0.5, J + 0.35), yticks=range(J + 1))
        ax.set_yticklabels(["input"] + [f"layer {j}" for j in range(J)])
        ax.set_xticks([])
        ax.tick_params(left=False)
        ax.spines[:].set_visible(False)
    return figure
