"""output_size: against counting, against the lecture's rule, and with every residue of the stride."""

from itertools import product

import pytest

from lectcode import output_size, reference


@pytest.mark.parametrize("ceil_mode", [False, True])
def test_equals_the_number_of_places_for_all_small_geometries(ceil_mode):
    compared = 0
    for H, K, S, D, before, after in product(range(8), range(1, 5), range(1, 6), range(1, 4), range(4), range(4)):
        geometry = {"stride": S, "padding": (before, after), "dilation": D, "ceil_mode": ceil_mode}
        if ceil_mode and max(before, after) >= (K - 1) * D + 1:
            with pytest.raises(ValueError, match="padding must be smaller than the dilated kernel"):
                output_size(H, K, **geometry)
        elif expected := reference.output_size(H, K, **geometry):
            assert output_size(H, K, **geometry) == expected, (H, K, geometry)
            compared += 1
        else:
            with pytest.raises(ValueError, match="does not fit in the padded input"):
                output_size(H, K, **geometry)
    assert compared > 2000


@pytest.mark.parametrize(
    ("H", "K", "geometry", "expected"),
    [
        (224, 7, {"stride": 2, "padding": 3}, 112),  # the stem of ResNet
        (227, 11, {"stride": 4}, 55),  # AlexNet
        (112, 3, {"stride": 2, "padding": 1}, 56),  # the pooling after it, where 2 does not divide
        (5, 3, {"dilation": 2}, 1),
        (2, 3, {"stride": 2, "ceil_mode": True}, 1),  # the window is larger than the input
        (3, 2, {"stride": 3, "padding": 1, "ceil_mode": True}, 2),
        (4, 1, {"stride": 5, "ceil_mode": True}, 1),  # a second window would begin beyond the input
    ],
)
def test_known_sizes(H, K, geometry, expected):
    assert output_size(H, K, **geometry) == expected


def test_exact_is_the_lectures_rule():
    for H, K, S, P in product(range(1, 9), range(1, 4), range(1, 5), range(3)):
        if H + 2 * P < K:
            continue
        if (H + 2 * P - K) % S == 0:
            assert output_size(H, K, stride=S, padding=P, exact=True) == (H + 2 * P - K) // S + 1
        else:
            with pytest.raises(ValueError, match="stride must divide"):
                output_size(H, K, stride=S, padding=P, exact=True)
