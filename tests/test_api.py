"""The public functions have exactly the agreed signatures, and docstrings that say all there is to know."""

import inspect

import pytest

import lectcode
from lectcode import gradcheck, nn, reference

CONV = "*, stride=1, padding=0, dilation=1, groups=1, algorithm='auto'"
POOL = "kernel_size, stride=None, padding=0"
AVERAGE = f"{POOL}, ceil_mode=False, count_include_pad=True, divisor_override=None"
SIGNATURES = {
    "output_size": "(H, K, *, stride=1, padding=0, dilation=1, ceil_mode=False, exact=False)",
    "conv2d": f"(I, F, B=None, {CONV})",
    "conv2d_backward": f"(G, I, F, {CONV})",
    "conv2d_grad_input": f"(G, F, input_size, {CONV})",
    "conv2d_grad_filters": f"(G, I, kernel_size, {CONV})",
    "conv2d_grad_bias": "(G)",
    "conv_transpose2d": "(I, F, B=None, *, stride=1, padding=0, output_padding=0, dilation=1, groups=1)",
    "pool2d": "(I, f, kernel_size, stride=None)",
    "pool2d_backward": "(G, I, df, kernel_size, stride=None)",
    "max_pool2d": f"(I, {POOL}, dilation=1, ceil_mode=False, return_winners=False)",
    "max_pool2d_backward": f"(G, I, {POOL}, dilation=1, ceil_mode=False, winners=None)",
    "avg_pool2d": f"(I, {AVERAGE})",
    "avg_pool2d_backward": f"(G, I, {AVERAGE})",
}


@pytest.mark.parametrize(("name", "signature"), SIGNATURES.items(), ids=SIGNATURES)
def test_signature(name, signature):
    assert str(inspect.signature(getattr(lectcode, name))) == signature


def test_nothing_else_is_public():
    assert set(lectcode.__all__) == {*SIGNATURES, "ConvGradients"}
    assert lectcode.__all__ == sorted(lectcode.__all__)


@pytest.mark.parametrize("name", SIGNATURES)
def test_the_definition_takes_the_same_arguments(name):
    public = inspect.signature(getattr(lectcode, name)).parameters
    definition = inspect.signature(getattr(reference, name)).parameters
    assert list(definition) == [p for p in public if p not in ("algorithm", "exact")]
    assert all(definition[p].default == public[p].default for p in definition)


PUBLIC = [getattr(lectcode, name) for name in SIGNATURES]
CHECKERS = [gradcheck.central_difference, gradcheck.check_gradient, gradcheck.check_adjoint]


OF_NETWORKS = [nn.he_normal, nn.digit_network, nn.batches, nn.train]
CLASSES = [
    *(nn.Conv2d, nn.Linear, nn.ReLU, nn.MaxPool2d, nn.AvgPool2d, nn.Flatten),
    *(nn.SoftmaxCrossEntropy, nn.Sequential, nn.SGD, nn.Adam),
]


@pytest.mark.parametrize("function", PUBLIC + CHECKERS + OF_NETWORKS, ids=lambda function: function.__name__)
def test_docstring(function):
    lines = [line.strip() for line in function.__doc__.splitlines()]
    for section in ("Parameters", "Returns", "Raises", "Notes", "Examples"):
        assert section in lines, section
        assert lines[lines.index(section) + 1] == "-" * len(section)
    assert any(line.startswith(">>>") for line in lines)
    assert "chapters/" in function.__doc__  # the source
    text = " ".join(lines[: lines.index("Parameters")])
    assert any(sign in text for sign in ("=", " of ")), "no formula"
    described = " ".join(lines)
    for parameter in inspect.signature(function).parameters:
        assert f"{parameter} :" in described or f"{parameter}," in described or f" {parameter}" in described, parameter


@pytest.mark.parametrize("layer", CLASSES, ids=lambda layer: layer.__name__)
def test_docstring_of_a_class(layer):
    text = layer.__doc__
    for section in (
        "Raises",
        "Notes",
        "Examples",
        *(["Parameters"] if "__init__" in vars(layer) and layer is not nn.SoftmaxCrossEntropy else []),
    ):
        assert f"    {section}\n    {'-' * len(section)}\n" in text, section
    assert "::\n" in text, "no formula"
    assert "chapters/" in text
    assert ">>> " in text
    for method in ("forward", "backward") if hasattr(layer, "forward") else ("step",):
        assert getattr(layer, method).__doc__


def test_every_public_name_of_nn_is_looked_at():
    public = {
        name for name, value in vars(nn).items() if getattr(value, "__module__", "") == nn.__name__ and name[0] != "_"
    }
    assert public == {thing.__name__ for thing in CLASSES + OF_NETWORKS} | {"Layer"}


@pytest.mark.parametrize("name", SIGNATURES)
def test_the_definition_states_its_formula_first(name):
    assert "=" in getattr(reference, name).__doc__.splitlines()[0] or name == "conv2d_backward"
