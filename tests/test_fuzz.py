"""Arbitrary arguments to every public function: a ValueError, a TypeError or the right result, and nothing else."""

import inspect
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import lectcode
from lectcode import reference
from tests.geometry import among, convs, integers, pools, seeds
from tests.test_layouts import LAYOUTS

FUNCTIONS = [name for name in lectcode.__all__ if name != "ConvGradients"]

junk = among(None, True, 1.0, float("nan"), "2", "same", b"", (), (1, 2, 3), {}, 2**70, -(2**31), [1, [2, [3]]], 1j)
small = st.one_of(st.integers(-2, 7), st.builds(np.int8, st.integers(0, 3)))
pair = st.one_of(st.tuples(small, small), st.lists(small, min_size=2, max_size=2))
numbers = st.one_of(small, pair, st.tuples(pair, pair), st.tuples(small, pair), junk)


@st.composite
def wild_arrays(draw):
    """Any type of numbers and others, any rank, and sometimes no array at all."""
    shape = draw(st.lists(among(2, 3, 1, 0), max_size=6))
    dtype = draw(among("f8", "i8", "f4", ">f8", ">i8", "f2", "i4", "u1", "?", "c16", "O", "U1", "M8[s]"))
    X = np.random.default_rng(draw(seeds)).integers(0, 9, shape).astype(dtype)
    return draw(st.one_of(st.just(X), st.just(X), junk, st.just(X.tolist())))


WILD = {
    **dict.fromkeys(["I", "F", "B", "G"], wild_arrays()),
    **dict.fromkeys(["ceil_mode", "exact", "count_include_pad"], st.one_of(st.booleans(), junk)),
    "algorithm": st.one_of(among("direct", "fft"), junk),
    "f": st.one_of(among(np.mean, np.copy, len), junk),
    "df": st.one_of(among(np.ones_like, np.max, len), junk),
}


@st.composite
def valid_calls(draw, function):
    """A call that fits together."""
    rng = np.random.default_rng(draw(seeds))
    if "conv" in function:
        case = draw(convs(named_padding=function != "conv_transpose2d"))
        I, F, B, _ = case.arrays(integers, draw(seeds))
        G = integers(rng, *lectcode.conv2d(I, F, **case.keywords).shape)
        known = {"I": I, "F": F, "B": B, "G": G, "input_size": I.shape[2:], "kernel_size": F.shape[2:], **case.keywords}
        if function == "conv_transpose2d":
            known |= {"I": G, "B": integers(rng, I.shape[1]), "padding": 0}
    elif "pool" in function:
        shape, known = draw(pools(dilated=function.startswith("max")))
        if function.startswith("pool"):
            shape = (*shape[:2], *(H + K for H, K in zip(shape[2:], known["kernel_size"], strict=True)))
        known |= {"I": integers(rng, *shape), "f": np.max, "df": np.copy, "divisor_override": 1}
        names = inspect.signature(getattr(lectcode, function.removesuffix("_backward"))).parameters
        O = getattr(lectcode, function.removesuffix("_backward"))(
            **{name: known[name] for name in names if name in known}
        )
        known["G"] = integers(rng, *O.shape)
    else:
        known = {"H": draw(among(5, 8)), "K": draw(among(1, 2, 3)), "stride": draw(among(1, 2)), "padding": draw(pair)}
    return {name: known[name] for name in inspect.signature(getattr(lectcode, function)).parameters if name in known}


@st.composite
def calls(draw, function):
    """A valid call in any memory layout, of which up to two arguments are replaced by anything."""
    arguments = draw(valid_calls(function))
    for name, value in arguments.items():
        if isinstance(value, np.ndarray) and draw(st.booleans()):
            arguments[name] = LAYOUTS[draw(st.sampled_from(sorted(set(LAYOUTS) - {"broadcast"})))](value)
    parameters = list(inspect.signature(getattr(lectcode, function)).parameters)
    for name in draw(st.lists(st.sampled_from(parameters), max_size=2)):
        arguments[name] = draw(WILD.get(name, numbers))
    return arguments


def by_definition(function, arguments):
    """Return what the definition gives for a call that was accepted."""
    arguments = {name: value for name, value in arguments.items() if name not in ("algorithm", "exact")}
    for name, value in arguments.items():
        if isinstance(value, np.ndarray):
            arguments[name] = value.astype(value.dtype.newbyteorder("="))
    return getattr(reference, function)(**arguments)


outcomes = {function: Counter() for function in FUNCTIONS}


@pytest.mark.parametrize("function", FUNCTIONS)
@given(data=st.data())
def test_only_an_error_or_the_right_result(function, data):
    arguments = data.draw(calls(function))
    kept = {name: value.copy() for name, value in arguments.items() if isinstance(value, np.ndarray)}
    try:
        result = getattr(lectcode, function)(**arguments)
    except (ValueError, TypeError):
        outcomes[function]["refused"] += 1
    else:
        outcomes[function]["accepted"] += 1
        expected = by_definition(function, arguments)
        for actual, right in zip(result, expected, strict=True) if isinstance(result, tuple) else [(result, expected)]:
            np.testing.assert_array_equal(actual, right)
    for name, before in kept.items():
        np.testing.assert_array_equal(arguments[name], before)


def test_the_fuzzer_reaches_both_outcomes():
    """Arguments that are always refused, or never, prove nothing."""
    for function, count in outcomes.items():
        assert not count or min(count["accepted"], count["refused"]) >= 0.1 * count.total(), (function, count)
