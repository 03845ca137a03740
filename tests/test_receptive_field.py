"""The closed form of the receptive field spans the inputs that an output reads, found by following its windows."""

from hypothesis import given
from hypothesis import strategies as st

from lectcode import reference

LAYER = st.tuples(st.integers(1, 5), st.integers(1, 3), st.integers(1, 3), st.integers(0, 3))


@given(st.lists(LAYER, max_size=4), st.integers(0, 5))
def test_the_field_spans_what_an_output_reads(layers, h):
    k, s, d, p = zip(*layers, strict=True) if layers else ((),) * 4
    r, e, a = reference.receptive_field(k, s, d, p)
    read = {h}
    for K, S, D, P in layers[::-1]:
        read = {g * S - P + tap * D for g in read for tap in range(K)}
    assert min(read) == a[-1] + h * e[-1]
    assert max(read) - min(read) + 1 == r[-1]


def test_dilation_is_1_and_padding_0_unless_given():
    assert reference.receptive_field([3, 2], [2, 2]) == ([1, 3, 5], [1, 2, 4], [0, 0, 0])
