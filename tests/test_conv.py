"""Convolution: every algorithm that can equals the definition exactly on whole numbers, and closely on others."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import lectcode
from lectcode import conv, reference
from lectcode.kernels import ALGORITHMS
from tests import tolerance
from tests.geometry import CONVS, DTYPES, convs, dtypes, integers, reals, seeds

# The others round even whole numbers: see tests/test_winograd.py.
EXACT = [name for name, algorithm in ALGORITHMS.items() if algorithm.magnitude is None]
algorithms = pytest.mark.parametrize("algorithm", EXACT)


def assert_equal(actual, expected, dtype):
    assert actual.dtype == dtype
    np.testing.assert_array_equal(actual, expected)


def refused(algorithm, case, dtype):
    """Tell whether an algorithm refuses integers, and hold that it then says so for every pass."""
    if algorithm == "direct" or dtype != np.int64:
        return False
    I, F, _, rng = case.arrays(integers, 0, dtype)
    G = integers(rng, *lectcode.conv2d(I, F, **case.keywords).shape, dtype=dtype)
    calls = [
        lambda **keywords: lectcode.conv2d(I, F, **keywords),
        lambda **keywords: lectcode.conv2d_grad_input(G, F, I.shape[2:], **keywords),
        lambda **keywords: lectcode.conv2d_grad_filters(G, I, F.shape[2:], **keywords),
    ]
    for call in calls:
        with pytest.raises(ValueError, match="does not apply: its vectors hold float32 or float64, got int64"):
            call(**case.keywords, algorithm=algorithm)
    return True


def check_all_passes(case, dtype, seed, algorithm):
    """Compare the output and the gradients, together and one by one, with the definition."""
    if refused(algorithm, case, dtype):
        return
    I, F, B, rng = case.arrays(integers, seed, dtype)
    O = lectcode.conv2d(I, F, B, **case.keywords, algorithm=algorithm)
    assert_equal(O, reference.conv2d(I, F, B, **case.keywords), dtype)
    G = integers(rng, *O.shape, dtype=dtype)
    dI, dF, dB = reference.conv2d_backward(G, I, F, **case.keywords)
    together = lectcode.conv2d_backward(G, I, F, **case.keywords, algorithm=algorithm)
    assert_equal(together.dI, dI, dtype)
    assert_equal(together.dF, dF, dtype)
    assert_equal(together.dB, dB, dtype)
    alone = {**case.keywords, "algorithm": algorithm}
    assert_equal(lectcode.conv2d_grad_input(G, F, I.shape[2:], **alone), dI, dtype)
    assert_equal(lectcode.conv2d_grad_filters(G, I, F.shape[2:], **alone), dF, dtype)
    assert_equal(lectcode.conv2d_grad_bias(G), dB, dtype)


@algorithms
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", CONVS.values(), ids=CONVS)
def test_equals_the_definition_in_the_corners(case, dtype, algorithm):
    check_all_passes(case, dtype, 0, algorithm)


@algorithms
@given(case=convs(), dtype=dtypes, seed=seeds)
def test_equals_the_definition(case, dtype, seed, algorithm):
    check_all_passes(case, dtype, seed, algorithm)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", [(16, 16), (16, 17)], ids=["small maps", "large maps"])
def test_the_gradient_of_the_bias_is_exact_in_either_order(size, dtype):
    assert (size[0] * size[1] <= conv.SMALL) == (size == (16, 16))
    G = integers(np.random.default_rng(0), 3, 2, *size, dtype=dtype)
    assert_equal(lectcode.conv2d_grad_bias(G), reference.conv2d_grad_bias(G), dtype)


@algorithms
@given(case=convs(), dtype=dtypes, seed=seeds)
def test_adjoint_identity(case, dtype, seed, algorithm):
    """O without bias is linear in I and in F, so <G, O> = <dI, I> = <dF, F>; with it, <G, O> grows by <dB, B>."""
    if refused(algorithm, case, dtype):
        return
    I, F, B, rng = case.arrays(integers, seed, dtype)
    O = lectcode.conv2d(I, F, **case.keywords, algorithm=algorithm)
    G = integers(rng, *O.shape, dtype=dtype)
    dI, dF, dB = lectcode.conv2d_backward(G, I, F, **case.keywords, algorithm=algorithm)
    assert np.vdot(G, O) == np.vdot(dI, I) == np.vdot(dF, F)
    with_bias = lectcode.conv2d(I, F, B, **case.keywords, algorithm=algorithm)
    assert np.vdot(G, with_bias) == np.vdot(G, O) + np.vdot(dB, B)


@pytest.mark.parametrize("fault", ["flipped", "swapped", "shifted", "last-row-lost"])
def test_adjoint_identity_sees_a_planted_fault(fault):
    I, F, _, rng = CONVS["strided-left-over"].arrays(integers)
    O = lectcode.conv2d(I, F, **CONVS["strided-left-over"].keywords)
    G = integers(rng, *O.shape)
    dI, dF, _ = lectcode.conv2d_backward(G, I, F, **CONVS["strided-left-over"].keywords)
    wrong = {
        "flipped": (dI, dF[..., ::-1]),
        "swapped": (dI, np.roll(dF, 1, axis=0)),
        "shifted": (np.roll(dI, 1, axis=3), dF),
        "last-row-lost": (dI * (np.arange(I.shape[2]) < I.shape[2] - 1)[:, None], dF),
    }
    dI, dF = wrong[fault]
    assert not np.vdot(G, O) == np.vdot(dI, I) == np.vdot(dF, F)


@algorithms
@pytest.mark.parametrize("dtype", tolerance.UNIT)
@given(case=convs(), seed=seeds)
def test_stays_within_its_stated_error_bound(case, seed, dtype, algorithm):
    """Against the definition in long doubles, on the very same numbers."""
    I, F, B, rng = case.arrays(reals, seed, dtype)
    O = lectcode.conv2d(I, F, B, **case.keywords, algorithm=algorithm)
    G = reals(rng, *O.shape, dtype=dtype)
    dI, dF, dB = lectcode.conv2d_backward(G, I, F, **case.keywords, algorithm=algorithm)
    exact = [X.astype(np.longdouble) for X in (I, F, B, G)]
    sizes = [abs(X) for X in exact]
    N, _, H_out, W_out = O.shape
    terms = {"O": F[:1].size + 1, "dI": F.size // F.shape[1], "dF": N * H_out * W_out, "dB": N * H_out * W_out}
    for name, actual, definition, arguments in (
        ("O", O, reference.conv2d, lambda I, F, B, G: (I, F, B)),
        (
            "dI",
            dI,
            lambda G, F, **keywords: reference.conv2d_grad_input(G, F, I.shape[2:], **keywords),
            lambda I, F, B, G: (G, F),
        ),
        (
            "dF",
            dF,
            lambda G, I, **keywords: reference.conv2d_grad_filters(G, I, F.shape[2:], **keywords),
            lambda I, F, B, G: (G, I),
        ),
        ("dB", dB, lambda G, **_: reference.conv2d_grad_bias(G), lambda I, F, B, G: (G,)),
    ):
        expected = definition(*arguments(*exact), **case.keywords)
        magnitude = definition(*arguments(*sizes), **case.keywords)
        error = tolerance.normalised_error(actual, expected, magnitude)
        unit = tolerance.UNIT[dtype]
        allowed = ALGORITHMS[algorithm].error_bound(max(terms[name], 1), unit) / unit
        assert error <= allowed + 1e-3, name  # 1e-3 u: what the long doubles themselves may be off


def test_the_stated_error_bound_of_the_direct_algorithm():
    """Higham's n u / (1 - n u), which the tolerances of this suite state on their own."""
    assert ALGORITHMS["direct"].error_bound(2**22, 2.0**-24) == 1 / 3
    assert ALGORITHMS["direct"].error_bound(10, 2.0**-53) == tolerance.bound(10, np.float64)


def test_the_error_bound_sees_a_planted_fault():
    exact = np.array([1.0], np.longdouble)
    off = np.array([1.0 + 2.0**-20], np.float32)
    assert tolerance.normalised_error(off, exact, np.array([1.0])) == 16
    with pytest.raises(AssertionError, match=r"error of 16\.00 u"):
        tolerance.assert_close(off, exact, np.array([1.0]), terms=3)
    with pytest.raises(AssertionError, match="error of inf u"):
        tolerance.assert_close(off, exact, np.array([0.0]), terms=3)


@given(case=convs(named_padding=False), dtype=dtypes, seed=seeds, data=st.data())
def test_transposed_convolution(case, dtype, seed, data):
    """It equals its definition, and without bias it is the adjoint of conv2d."""
    X, F, _, rng = case.arrays(integers, seed, dtype)  # X is what the convolution that is transposed would take
    I = integers(rng, *lectcode.conv2d(X, F, **case.keywords).shape, dtype=dtype)
    stride, dilation = (reference.pair(case.keywords[key]) for key in ("stride", "dilation"))
    most = [max(S, D) - 1 for S, D in zip(stride, dilation, strict=True)]
    extra = tuple(data.draw(st.integers(0, A)) for A in most)
    B = integers(rng, X.shape[1], dtype=dtype)
    spans = [(K - 1) * D + 1 for K, D in zip(F.shape[2:], dilation, strict=True)]
    size = [
        (H - 1) * S + span + A - sum(P)
        for H, S, span, A, P in zip(
            I.shape[2:], stride, spans, extra, reference.sides(case.keywords["padding"]), strict=True
        )
    ]
    if min(size) < 1:
        with pytest.raises(ValueError, match="padding must leave an output"):
            lectcode.conv_transpose2d(I, F, B, output_padding=extra, **case.keywords)
        return
    O = lectcode.conv_transpose2d(I, F, B, output_padding=extra, **case.keywords)
    assert_equal(O, reference.conv_transpose2d(I, F, B, output_padding=extra, **case.keywords), dtype)
    if all(A < S for A, S in zip(extra, stride, strict=True)):  # then I is the size of the convolution of O
        X = integers(rng, *O.shape, dtype=dtype)
        O = lectcode.conv_transpose2d(I, F, output_padding=extra, **case.keywords)
        assert np.vdot(O, X) == np.vdot(I, lectcode.conv2d(X, F, **case.keywords))


def test_int64_is_exact_beyond_the_whole_numbers_of_float64():
    I, F = np.full((1, 1, 2, 2), 2**53 + 1), np.ones((1, 1, 1, 2), np.int64)
    assert lectcode.conv2d(I, F).tolist() == [[[[2**54 + 2], [2**54 + 2]]]]
    assert lectcode.avg_pool2d(I, 2, divisor_override=1).item() == 2**55 + 4
    assert lectcode.max_pool2d(I - np.arange(4).reshape(2, 2), 2).item() == 2**53 + 1


def test_a_new_algorithm_is_found_by_name_and_may_refuse(monkeypatch):
    fake = lectcode.kernels.Algorithm(None, None, None, lambda dtype, geometry: "it is only a plan", None)
    monkeypatch.setitem(ALGORITHMS, "gemm", fake)
    I, F = np.zeros((1, 1, 2, 2)), np.zeros((1, 1, 1, 2))
    with pytest.raises(ValueError, match="algorithm='gemm' does not apply: it is only a plan"):
        lectcode.conv2d(I, F, algorithm="gemm")
    with pytest.raises(ValueError, match=r"must be 'auto' or one of \['direct', 'gemm', 'winograd'\], got 'fft'"):
        lectcode.conv2d(I, F, algorithm="fft")


def test_padding_below_the_image_alone_is_padding():
    """Steps of 4 rows from row 0 end before the last row, but their windows reach the padding."""
    case = {"stride": (4, 1), "padding": ((0, 1), (0, 0))}
    rng = np.random.default_rng(0)
    I, F = integers(rng, 2, 3, 9, 3, dtype=np.float64), integers(rng, 9, 3, 2, 2, dtype=np.float64)
    O = lectcode.conv2d(I, F, **case)
    np.testing.assert_array_equal(O, reference.conv2d(I, F, **case))
    np.testing.assert_array_equal(
        lectcode.conv2d_grad_filters(O, I, 2, **case), reference.conv2d_grad_filters(O, I, 2, **case)
    )
