"""The figures: each is drawn from tiny arrays that cannot be written to, and what it draws is looked at as data."""

import re

import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.colors import to_hex, to_rgba
from matplotlib.figure import Figure

from lectcode import figures
from lectcode.figures import BLUE, GREEN, INK, ORANGE, PALE
from tools.notebooks import sources


def fixed(*values):
    """Return arrays that cannot be written to."""
    arrays = [np.array(value) for value in values]
    for array in arrays:
        array.flags.writeable = False
    return arrays


I_PAD, F, O = fixed([[0, 0, 0, 0], [0, 1, -2, 0], [0, 3, 4, 0], [0, 0, 0, 0]], [[1, 0], [2, 5]], [[6, 7], [8, 9]])
PICTURE, DARK, MAP = fixed(np.arange(72).reshape(3, 4, 6), np.zeros((3, 4, 6)), [[0, 1, 2], [0.5, 4, 0]])
XS, FALLING, WITH_ZERO = fixed([1, 10, 100], [8.0, 4.0, 2.0], [1.0, 0.1, 0.0])
ENTRY, SHADE, MASK = fixed([[-0.5, 0.25], [1, 0.004]], [[0, 1], [0.5, 0]], np.ones((4, 6), bool))
LOSSES, WRONG = fixed([[1.0, 0.1, 0.01], [2.0, 0.2, 0.03]], [[9.0, 4.0, 1.0], [7.0, 2.0, 2.0]])
MEANS = fixed([0.0, 1.0], [2.0, 1.0])
PANELS = [
    {"title": "left", "numbers": F, "shade": SHADE},
    {"title": "right", "numbers": ENTRY, "color": GREEN, "windows": [(0, 1, 2, 1, ORANGE)]},
]

# Each public function, called as a page calls it.
CALLS = {
    "axis_windows": lambda: figures.axis_windows(5, 2, stride=3, padding=(1, 1)),
    "curves": lambda: figures.curves({"a": (XS, FALLING), "b": (XS, WITH_ZERO, "o")}, xlabel="n", ylabel="e", log="xy"),
    "error_maps": lambda: figures.error_maps({"a": ENTRY, "b": MAP}, 2, unit="u"),
    "fields": lambda: figures.fields(PICTURE, [("in", 1, 2, 2, 3, BLUE), ("out", -3, -1, 4, 5, INK)]),
    "filter_entry": lambda: figures.filter_entry(I_PAD, O, F, 1, 0, stride=2, padding=1),
    "grids": lambda: figures.grids(PANELS, width=6),
    "heat_maps": lambda: figures.heat_maps({"one": MAP, "two": 2 * MAP}),
    "learning_curves": lambda: figures.learning_curves(LOSSES, WRONG, target=1.5),
    "maps": lambda: figures.maps({"one": PICTURE, "two": -PICTURE[:, :2]}, signed=True, columns=2),
    "ladder": lambda: figures.ladder({"loops": 2e6, "fast": 5e10, "fewer": 2.71e11}, 1e11),
    "matrices": lambda: figures.matrices({"first": ENTRY, "second": 2 * ENTRY}),
    "pictures": lambda: figures.pictures([{"colour": PICTURE}, {"grey": PICTURE[0], "dark": DARK}], limits=(0, 100)),
    "pixel": lambda: figures.pixel(O, F, I_PAD, 1, 0, stride=1, padding=1),
    "ratios": lambda: figures.ratios({"forward": XS / 10, "backward": FALLING}, xlabel="theirs / ours"),
    "relu_of_means": lambda: figures.relu_of_means((-1, 3), MEANS),
    "sensitivity": lambda: figures.sensitivity({"a": MAP, "b": MAP}, {"a": ENTRY, "b": -SHADE}),
    "roofline": lambda: figures.roofline({"conv": (XS, 1e9 * FALLING)}, 4e10, 1e10),
    "stacks": lambda: figures.stacks({"A": ([3, 2], [2, 1]), "B": ([2, 2], [1, 1])}),
    "strips": lambda: figures.strips({"one": PICTURE, "two": DARK, "three": PICTURE}),
    "tilings": lambda: figures.tilings(PICTURE, {"touch": MASK, "gaps": ~MASK}, {"touch": (2, 2), "gaps": (1, 3)}),
    "window": lambda: figures.window(I_PAD, F, O, 0, 1, stride=2, padding=1),
}


def words(ax):
    """Return the texts of an axes in the order in which they were drawn."""
    return [text.get_text() for text in ax.texts]


def outlines(ax, color):
    """Return (top, left, height, width) of the rectangles that are outlined in a colour."""
    return [
        (patch.get_y(), patch.get_x(), patch.get_height(), patch.get_width())
        for patch in ax.patches
        if not patch.get_fill() and patch.get_edgecolor() == to_rgba(color)
    ]


def faces(ax):
    """Return the colours of the cells, row by row, as hexadecimal codes."""
    return [to_hex(patch.get_facecolor()) for patch in ax.patches if patch.get_fill()]


def public():
    return [name for name in figures.__all__ if callable(getattr(figures, name))]


def test_every_function_is_drawn_here():
    assert sorted(CALLS) == sorted(public())


@pytest.mark.parametrize("name", public())
def test_every_function_says_what_it_takes(name):
    text = getattr(figures, name).__doc__
    assert "Parameters\n    ----------\n" in text
    assert re.search(
        r"\(\w[\w +]*, [\w ,+]+\)|\(n,\) array|dict of floats|arrays of the same shape|lists \(k, s\)|Lengths", text
    ), "no shapes"


def unused(names, texts):
    """Return the figure functions that no page calls."""
    return [name for name in names if not any(re.search(rf"\bfigures\.{name}\(", text) for text in texts)]


def test_every_function_is_used_by_a_page():
    assert unused(public(), [source.read_text("utf8") for source in sources()]) == []


def test_a_function_that_no_page_uses_is_seen():
    assert unused(["grids", "grid"], ["`figures.grids(panels)`", "figures.grid"]) == ["grid"]


@pytest.mark.parametrize("name", CALLS)
def test_figure_is_legible(name):
    """It is one figure, not an open window; its texts lie inside it, none on another, and none is tiny."""
    figure = CALLS[name]()
    assert isinstance(figure, Figure)
    assert plt.get_fignums() == []
    assert faults_of_texts(figure) == []


def written(ax):
    """Yield the texts that an axes shows."""
    yield from (*ax.texts, ax.title, *(ax.get_legend().get_texts() if ax.get_legend() else ()))
    if ax.axison:
        yield from (ax.xaxis.label, ax.yaxis.label)
        for axis in (ax.xaxis, ax.yaxis):
            low, high = sorted(axis.get_view_interval())
            shown = (tick for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high)
            yield from (tick.label1 for tick in shown if tick.label1.get_visible())


def faults_of_texts(figure):
    """Return which texts are small, leave the figure or overlap."""
    figure.draw_without_rendering()
    texts = [text for ax in figure.axes for text in written(ax) if text.get_text()]
    boxes = [text.get_window_extent() for text in texts]
    faults = [f"{text.get_text()} is small" for text in texts if text.get_fontsize() < 7]
    for i, (text, box) in enumerate(zip(texts, boxes, strict=True)):
        if box.x0 < -1 or box.y0 < -1 or box.x1 > figure.bbox.width + 1 or box.y1 > figure.bbox.height + 1:
            faults.append(f"{text.get_text()} is cut off")
        faults += [f"{texts[j].get_text()} lies on {text.get_text()}" for j in range(i) if box.overlaps(boxes[j])]
    return faults


@pytest.mark.parametrize("name", ["fields", "pictures", "strips", "tilings"])
def test_words_on_photographs_are_legible_on_a_phone(name):
    """A phone shows all of a photograph, 358 pixels wide; drawings scroll there instead."""
    figure = CALLS[name]()
    sizes = [text.get_fontsize() / 72 for ax in figure.axes for text in written(ax) if text.get_text()]
    assert len(sizes) >= 2
    assert min(sizes) * 358 / figure.get_figwidth() >= 9


def test_an_illegible_figure_is_seen():
    figure, ax = plt.subplots()
    plt.close(figure)
    ax.axis("off")
    ax.text(0.5, 0.5, "one")
    ax.text(0.5, 0.51, "two")
    ax.text(0.2, 0.2, "three", fontsize=5)
    ax.text(1.2, 0.2, "four")
    assert faults_of_texts(figure) == ["three is small", "one lies on two", "four is cut off"]


def test_pictures():
    colour, blank, grey, dark = CALLS["pictures"]().axes
    assert [ax.get_title() for ax in (colour, blank, grey, dark)] == ["colour", "", "grey", "dark"]
    assert [len(ax.images) for ax in (colour, blank, grey, dark)] == [1, 0, 1, 1]
    assert np.array_equal(colour.images[0].get_array(), PICTURE.transpose(1, 2, 0) / 100)
    assert grey.images[0].get_array().shape == (4, 6)
    clipped = figures.pictures([{"": PICTURE}], limits=(10, 20)).axes[0].images[0].get_array()
    assert (clipped.min(), clipped.max()) == (0, 1)


def test_tilings():
    touch, gaps = CALLS["tilings"]().axes
    first = (-0.5, -0.5, 2, 2)
    assert sorted(set(outlines(touch, BLUE))) == [(t - 0.5, l - 0.5, 2, 2) for t in (0, 2) for l in (0, 2, 4)]
    assert outlines(touch, BLUE).count(first) == 2  # the first one once more, bold
    assert max(patch.get_linewidth() for patch in touch.patches) == touch.patches[-1].get_linewidth() == 4
    assert len(set(outlines(gaps, BLUE))) == 4
    assert np.allclose(touch.images[0].get_array(), PICTURE.transpose(1, 2, 0) / 255)
    unread = gaps.images[0].get_array()
    assert np.allclose(unread, (0.3 * PICTURE / 255).transpose(1, 2, 0) + 0.7 * np.array(to_rgba(ORANGE)[:3]))


def test_strips():
    (ax,) = CALLS["strips"]().axes
    assert words(ax) == ["one", "two", "three"]
    assert len(ax.images) == 3
    assert all(image.get_clip_path() is not None for image in ax.images)
    assert len(ax.lines) == 2
    assert (ax.get_xlim(), ax.get_ylim()) == ((0, 6), (4, 0))


def test_fields():
    (ax,) = CALLS["fields"]().axes
    assert words(ax) == ["in", "out"]
    assert outlines(ax, BLUE) == [(0.5, 1.5, 2, 3)]
    assert outlines(ax, INK) == [(-3.5, -1.5, 4, 5)]
    left, right = ax.get_xlim()
    bottom, top = ax.get_ylim()
    assert left < -1.5
    assert right > 6
    assert top < -3.5
    assert bottom > 4


def test_heat_maps():
    one, two = CALLS["heat_maps"]().axes
    assert np.array_equal(one.images[0].get_array(), MAP)
    assert [ax.images[0].get_clim() for ax in (one, two)] == [(0, 4), (0, 8)]
    assert [ax.get_title() for ax in (one, two)] == ["one", "two"]


def test_grids():
    (ax,) = CALLS["grids"]().axes
    assert words(ax) == ["1", "0", "2", "5", "left", "\N{MINUS SIGN}0.5", "0.25", "1", "0.004", "right"]
    assert outlines(ax, ORANGE) == [(0, 4, 2, 1)]  # the second grid begins one cell after the first
    assert faces(ax)[0] == to_hex("white")
    assert len(set(faces(ax)[:4])) == 3
    assert set(faces(ax)[4:]) == {to_hex("white")}
    assert to_hex(ax.texts[-1].get_color()) == GREEN
    assert to_hex(ax.texts[4].get_color()) == INK


def test_matrices():
    (ax,) = CALLS["matrices"]().axes
    minus = "\N{MINUS SIGN}"
    assert words(ax) == [
        f"{minus}0.50",
        "0.25",
        "1.00",
        "0.00",
        "first",
        f"{minus}1.00",
        "0.50",
        "2.00",
        "0.01",
        "second",
    ]
    negative, positive = (to_rgba(face) for face in (faces(ax)[4], faces(ax)[6]))
    assert negative[2] > negative[0]
    assert positive[0] > positive[2]
    assert sum(positive[:3]) < sum(to_rgba(faces(ax)[2])[:3])  # one scale for all: 2 is stronger than 1


def test_minus_zero_is_written_as_zero():
    (ax,) = figures.matrices({"tiny": np.array([[-0.001, 3.0]])}).axes
    assert words(ax) == ["0.00", "3.00", "tiny"]


def test_window():
    (ax,) = CALLS["window"]().axes
    assert len(words(ax)) == 16 + 4 + 4 + 3
    assert outlines(ax, BLUE) == [(0, 2, 2, 2)]
    assert outlines(ax, ORANGE) == [(0, 5, 2, 2)]
    assert outlines(ax, GREEN) == [(0, 9, 1, 1)]
    assert faces(ax).count(PALE) == 12  # the frame of a 4 x 4 array


def test_filter_entry():
    (ax,) = CALLS["filter_entry"]().axes
    assert outlines(ax, BLUE) == [(1, 0, 1, 1), (1, 2, 1, 1), (3, 0, 1, 1), (3, 2, 1, 1)]
    assert outlines(ax, ORANGE) == [(0, 5, 2, 2)]
    assert outlines(ax, GREEN) == [(1, 8, 1, 1)]


def test_pixel():
    (ax,) = CALLS["pixel"]().axes
    assert outlines(ax, BLUE) == [(0, 0, 1, 1), (1, 3, 1, 1)]  # window [0, 0] and the filter entry [1, 0]
    assert outlines(ax, ORANGE) == [(1, 0, 1, 1), (0, 3, 1, 1)]
    assert outlines(ax, GREEN) == [(1, 6, 1, 1)]
    styles = {to_hex(patch.get_edgecolor()): patch.get_linestyle() for patch in ax.patches}
    assert styles[BLUE] != styles[ORANGE]


def test_pixel_refuses_more_windows_than_it_can_tell_apart():
    nine = np.ones((3, 3))
    with pytest.raises(ValueError, match=r"\[u, v\] = \[2, 2\] is in 9 windows; the figure can tell 4 apart"):
        figures.pixel(nine, nine, np.ones((5, 5)), 2, 2, stride=1, padding=0)


def test_axis_windows():
    (ax,) = CALLS["axis_windows"]().axes
    assert words(ax) == [*"0123456", "$h = 0$", "$h = 1$", "$h = 2$ does not fit"]
    solid = [patch for patch in ax.patches if patch.get_fill() and to_hex(patch.get_facecolor()) == BLUE]
    assert [(bar.get_x(), bar.get_width()) for bar in solid] == [(0, 2), (3, 2)]
    hatched = [patch.get_x() for patch in ax.patches if patch.get_hatch()]
    assert hatched == [5, 6]
    assert [patch.get_x() for patch in ax.patches if to_hex(patch.get_facecolor()) == PALE] == [0, 6]


def test_stacks():
    a, b = CALLS["stacks"]().axes
    assert [ax.get_title() for ax in (a, b)] == ["A", "B"]
    assert [label.get_text() for label in a.get_yticklabels()] == ["input", "layer 0", "layer 1"]
    squares = {to_hex(line.get_color()): sorted(line.get_xdata()) for line in a.lines if line.get_marker() == "s"}
    assert squares == {BLUE: [0, 1, 2, 3, 4], ORANGE: [2, 3, 4, 5, 6]}
    assert [ax.get_xlim() for ax in (a, b)] == [(-1, 7), (-1, 4)]


def test_curves():
    (ax,) = CALLS["curves"]().axes
    assert words(ax) == ["a", "b"]
    assert (ax.get_xscale(), ax.get_yscale(), ax.get_xlabel(), ax.get_ylabel()) == ("log", "log", "n", "e")
    falling, dots = ax.lines
    assert np.array_equal(falling.get_xydata(), np.stack([XS, FALLING], axis=1))
    assert np.array_equal(dots.get_xydata(), [[1, 1], [10, 0.1]])  # a zero has no place on a logarithmic axis
    assert dots.get_marker() == "o"
    assert dots.get_linestyle() == "None"


def test_curves_with_legend_and_marks():
    lines = {"a": (XS, FALLING), "b": (XS, WITH_ZERO)}
    named = {"xlabel": "x", "ylabel": "y", "legend": True, "marks": {"here": 10}, "colors": [GREEN, INK]}
    (ax,) = figures.curves(lines, **named).axes
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["a", "b"]
    assert words(ax) == ["here"]
    first, second, mark = ax.lines
    assert (first.get_color(), second.get_color()) == (GREEN, INK)
    assert first.get_linestyle() != second.get_linestyle()
    assert list(mark.get_xdata()) == [10, 10]
    assert len(second.get_xdata()) == 3
    assert ax.get_yscale() == "linear"


def test_curves_refuse_to_leave_a_line_out():
    with pytest.raises(ValueError, match="there are 5 lines and only 4 colors"):
        figures.curves({str(i): (XS, FALLING) for i in range(5)}, xlabel="x", ylabel="y")


def test_relu_of_means():
    left, right = CALLS["relu_of_means"]().axes
    assert words(left) == ["mean of ReLUs: 1.5", "ReLU of mean: 1"]
    assert left.get_title() == "a window that holds \N{MINUS SIGN}1 and 3"
    diagonal, cloud = right.lines
    assert diagonal.get_xydata().tolist() == [[0, 0], [2, 2]]
    assert cloud.get_xydata().tolist() == [[0, 2], [1, 1]]


def test_learning_curves():
    left, right = figures.learning_curves(LOSSES, WRONG, target=1.5).axes
    for ax, runs in ((left, LOSSES), (right, WRONG)):
        *single, mean = [line.get_ydata() for line in ax.lines[:3]]
        np.testing.assert_array_equal(single, runs)
        np.testing.assert_array_equal(mean, runs.mean(axis=0))
        assert ax.lines[0].get_xdata().tolist() == [1, 2, 3]
    assert (left.get_yscale(), right.get_yscale()) == ("log", "linear")
    assert words(right) == ["1.5 %"]


def test_maps():
    first, second = figures.maps({"one": PICTURE, "two": -PICTURE[:, :2]}, signed=True, columns=2).axes
    np.testing.assert_array_equal([image.get_array() for image in first.images], PICTURE)
    assert {image.norm.vmax for image in first.images} == {PICTURE.max()}
    assert {image.norm.vmin for image in second.images} == {-PICTURE[:, :2].max()}
    corners = [image.get_extent() for image in first.images]  # left, right, bottom, top
    assert [tuple(corner[:2]) for corner in corners] == [(0, 6), (6.75, 12.75), (0, 6)]
    assert corners[2][3] > corners[0][2]  # the third stands below the first
    assert figures.maps({"none": 0 * PICTURE}).axes[0].images[0].norm.vmin == 0


def test_sensitivity():
    above, _, below, _ = figures.sensitivity({"a": MAP, "b": MAP}, {"a": ENTRY, "b": -SHADE}).axes
    np.testing.assert_array_equal(above.images[0].get_array(), MAP)
    np.testing.assert_array_equal(below.images[0].get_array(), ENTRY)
    assert (below.images[0].norm.vmin, below.images[0].norm.vmax) == (-1, 1)
    assert above.get_title() == "a"


def test_a_roofline_is_the_smaller_of_two_limits():
    ax = CALLS["roofline"]().axes[0]
    xs, ys = ax.lines[0].get_data()
    np.testing.assert_allclose(ys, np.minimum(40, 10 * xs))  # GFlop/s
    assert ax.lines[1].get_label() == "conv"
    np.testing.assert_allclose(ax.lines[1].get_ydata(), FALLING)
    assert words(ax) == ["arithmetic: 40 GFlop/s", "memory: 10 GB/s"]


def test_a_ladder_has_a_bar_for_each_rung_and_the_limit():
    ax = CALLS["ladder"]().axes[0]
    assert [patch.get_width() for patch in ax.patches] == [2e-3, 50, 271]
    assert ax.lines[0].get_xdata()[0] == 100
    assert words(ax) == ["0.002", "50", "270", "fused multiply-adds"]


def test_ratios_are_split_at_one_and_averaged():
    ax = CALLS["ratios"]().axes[0]
    faster, slower, mean = (list(line.get_xdata()) for line in ax.lines[1:4])
    assert (faster, slower) == ([1, 10], [0.1])
    np.testing.assert_allclose(mean, [1, 1])
    assert words(ax) == ["1.00", "4.00"]


def test_error_maps_share_one_scale():
    figure = CALLS["error_maps"]()
    images = [ax.images[0] for ax in figure.axes[:2]]
    assert [image.get_clim() for image in images] == [(-2, 2), (-2, 2)]
    np.testing.assert_array_equal(images[0].get_array(), ENTRY)
