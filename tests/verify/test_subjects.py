"""What the formulas are run against: geometry by its letters, windows that meet the input, winners in the input."""

import numpy as np
import pytest

from lectcode import max_pool2d
from lectcode.verify.letters import padding
from lectcode.verify.subjects import GIVEN, fits, subjects

SIDES = {"P_top": 1, "P_bottom": 2, "P_left": 3, "P_right": 0}
SHORT = {"P_t": 1, "P_b": 2, "P_l": 3, "P_r": 0}


@pytest.mark.parametrize("sizes", [SIDES, SHORT])
def test_each_side_has_its_padding_under_either_name(sizes):
    assert padding(sizes) == ((1, 2), (3, 0))
    with pytest.raises(KeyError):
        padding({name: value for name, value in sizes.items() if not name.startswith("P_b")})


def window_sizes(H, K, D, P):
    sizes = {"H": H, "W": 4, "K_h": K, "K_w": 1, "S_h": 1, "S_w": 1, "D_h": D, "D_w": 1}
    sizes |= {"P_top": P, "P_bottom": P, "P_left": 0, "P_right": 0}
    return sizes | {"H_out": H + 2 * P - (K - 1) * D, "W_out": 4}


@pytest.mark.parametrize(
    ("H", "K", "D", "P", "accepted"),
    [(6, 2, 2, 1, True), (6, 2, 2, 2, True), (6, 2, 2, 3, False), (1, 2, 2, 1, False), (3, 2, 1, 2, False)],
)
def test_sizes_fit_exactly_if_the_library_takes_them(H, K, D, P, accepted):
    sizes, I = window_sizes(H, K, D, P), np.zeros((1, 1, H, 4))
    assert fits("max-pool", sizes) == accepted
    assert fits("conv", sizes)
    arguments = {"kernel_size": (K, 1), "stride": 1, "padding": (P, 0), "dilation": (D, 1)}
    if accepted:
        assert max_pool2d(I, **arguments).shape[2] == sizes["H_out"]
    else:
        with pytest.raises(ValueError, match=r"must (meet|be smaller)"):
            max_pool2d(I, **arguments)


def test_winners_are_places_in_the_input_and_never_padding():
    six = np.array([4.0, 9, 2, 7, 5, 1]).reshape(1, 1, 6, 1)
    sizes = window_sizes(6, 2, 2, 1) | {"W": 1, "W_out": 1}
    rows, columns = (GIVEN["max-pool", name](sizes, {"I": -six}) for name in "UV")
    assert rows.ravel().tolist() == [1, 2, 3, 2, 5, 4]  # of -4, -9, -2, -7, -5, -1: padding with 0 would win
    assert not columns.any()


def test_at_a_tie_the_first_place_wins():
    rows, columns = (GIVEN["max-pool", name](window_sizes(4, 3, 1, 0), {"I": np.ones((1, 1, 4, 4))}) for name in "UV")
    assert rows[0, 0].tolist() == [[0] * 4, [1] * 4]
    assert columns[0, 0].tolist() == [[0, 1, 2, 3]] * 2


def test_the_layers_of_a_network_compute_what_their_labels_say():
    rng = np.random.default_rng(0)
    names = {"I": (3, 4), "F": (5, 4), "B": (5,), "G": (3, 5)}
    arrays = {name: rng.integers(-5, 6, shape).astype(float) for name, shape in names.items()}
    I, F, B, G = arrays.values()
    scores = rng.integers(-5, 6, (3, 4)).astype(float)
    for label, quantity, given, expected in (
        ("linear-x", "O", arrays, I @ F.T + B),
        ("linear-x", "∂I", arrays, G @ F),
        ("linear-x", "∂F", arrays, G.T @ I),
        ("linear-x", "∂B", arrays, G.sum(0)),
        ("relu-x", "O", arrays, np.maximum(I, 0)),
        ("relu-x", "∂I", {"I": I, "G": scores}, scores * (I > 0)),
    ):
        found = subjects(label, quantity)
        assert {subject.independent for subject in found} == {True, False}
        for subject in found:
            np.testing.assert_array_equal(subject.call({}, given), expected, subject.name)
