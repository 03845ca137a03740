"""The decorators of the kernels: who may call what they compile, and what compiling leaves as it was."""

import gc
import re

import numba
import numpy as np
import pytest
from numba.core import event

from lectcode.kernels.compiled import Entry, Inner, entry, inlined, inner

pytestmark = pytest.mark.skipif(numba.config.DISABLE_JIT, reason="nothing is compiled")


@inner
def twice(x):
    """Called below."""
    return 2 * x


@inlined
def once_more(x, y):
    """Called below."""
    return x + y


@entry
def thrice(x):
    """What the tests call."""
    return once_more(twice(x), x)


def test_python_calls_an_entry_and_this_the_others():
    assert thrice(7) == 21
    assert thrice(0.5) == 1.5


@pytest.mark.parametrize("function", [twice, once_more])
def test_python_cannot_call_an_inner_function(function):
    thrice(7)  # compiled or not
    with pytest.raises(TypeError, match=f"{function.py_func.__name__} is an inner function: only compiled functions"):
        function(7)


@pytest.mark.parametrize("decorator", [inner, entry])
def test_compiled_functions_call_one_version_for_all_numbers_of_a_type(decorator):
    add = decorator(lambda x, y: x + y)
    sums = entry(lambda x: add(x, 1) + add(2, x) + add(x, y=3))
    assert sums(10) == 11 + 12 + 13
    assert add.signatures == [(numba.int64, numba.int64)]
    assert sums(0.5) == 1.5 + 2.5 + 3.5
    assert len(add.signatures) == 3  # a whole number and a fraction, in both orders


@pytest.mark.parametrize("decorator", [inner, entry])
def test_compiled_functions_call_one_version_for_all_pairs_of_numbers(decorator):
    product = decorator(lambda pair: pair[0] * pair[1])
    products = entry(lambda x: product((2, 3)) + product((4, 5)) + product((x, x)))
    assert products(10) == 6 + 20 + 100
    assert len(product.signatures) == 1


def test_options_are_those_of_numba():
    quotient = entry(error_model="numpy")(lambda x, y: x / y)
    assert quotient(1.0, 0.0) == np.inf
    with pytest.raises(ZeroDivisionError):
        entry(lambda x, y: x / y)(1.0, 0.0)


@pytest.fixture(params=[True, False], ids=["searching", "not searching"])
def searching(request):
    """Whether garbage is searched for before a call."""
    before = gc.isenabled()
    (gc.enable if request.param else gc.disable)()
    yield request.param
    (gc.enable if before else gc.disable)()


def test_compiling_searches_for_no_garbage_and_leaves_the_search_as_it_was(searching):
    function, seen = Entry(lambda x: x + x, targetoptions={"nopython": True}), []  # not kept on disk, so compiled

    class Seen(event.Listener):
        def on_start(self, compiling):
            seen.append(gc.isenabled())

        def on_end(self, compiling):
            seen.append(gc.isenabled())

    with event.install_listener("numba:compile", Seen()):
        assert function(1) == 2
    assert seen
    assert not any(seen)
    assert gc.isenabled() == searching


def test_what_does_not_compile_leaves_the_search_as_it_was(searching):
    with pytest.raises(numba.TypingError):
        entry(lambda x: x.nothing_of_that_name)(1)
    assert gc.isenabled() == searching


def test_only_an_entry_has_a_way_in_and_only_for_python():
    """Shown by their code, which those that come from the disk do not have: hence these do not."""
    within = Inner(lambda x: 2 * x, targetoptions=twice.targetoptions)
    outside = Entry(lambda x: within(x), targetoptions=thrice.targetoptions)
    assert outside(7) == 14
    for function, ways in ((within, []), (outside, ["cpython"])):
        (code,) = function.inspect_llvm().values()
        defined = re.findall(r"^define .*@(?:_ZN\d+)?(cpython|cfunc)[\d.]", code, re.M)
        assert defined == ways
