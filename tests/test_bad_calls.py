"""Every wrong call is refused before a kernel runs, with the words that help."""

import re

import numba
import numpy as np
import pytest

import lectcode
from lectcode.kernels import direct, gemm, gemm_filters, grouped, narrow, pointwise, pooling, windows

I, F, B, G = np.zeros((2, 4, 7, 8)), np.zeros((6, 4, 3, 2)), np.zeros(6), np.zeros((2, 6, 5, 7))
POOLED = np.zeros((2, 4, 3, 4))  # what a window of 2 makes of I

VALID = {
    "output_size": {"H": 7, "K": 3},
    "conv2d": {"I": I, "F": F, "B": B},
    "conv2d_backward": {"G": G, "I": I, "F": F},
    "conv2d_grad_input": {"G": G, "F": F, "input_size": (7, 8)},
    "conv2d_grad_filters": {"G": G, "I": I, "kernel_size": (3, 2)},
    "conv2d_grad_bias": {"G": G},
    "conv_transpose2d": {"I": I, "F": np.zeros((4, 3, 2, 5)), "B": np.zeros(3)},
    "pool2d": {"I": I, "f": np.max, "kernel_size": 2},
    "pool2d_backward": {"G": POOLED, "I": I, "df": np.ones_like, "kernel_size": 2},
    "max_pool2d": {"I": I, "kernel_size": 2},
    "max_pool2d_backward": {"G": POOLED, "I": I, "kernel_size": 2},
    "avg_pool2d": {"I": I, "kernel_size": 2},
    "avg_pool2d_backward": {"G": POOLED, "I": I, "kernel_size": 2},
}

# function: what to change in the valid call, the error, words that its message must contain
V, T = ValueError, TypeError
BAD = {
    "output_size": [
        ({"H": 2}, V, "a kernel of length 3 does not fit in the padded input of length 0 + 2 + 0 = 2"),
        ({"H": -1}, V, "H must be at least 0, got -1"),
        ({"K": 0}, V, "K must be at least 1, got 0"),
        ({"H": 7.0}, T, "H must be an integer, got float: 7.0"),
        ({"dilation": 4}, V, "a kernel of length 3 (dilated 9) does not fit"),
        ({"padding": (1, 2, 3)}, V, "padding must be an integer or (before, after), got (1, 2, 3)"),
        ({"ceil_mode": 1}, T, "ceil_mode must be True or False, got int: 1"),
        ({"ceil_mode": True, "padding": 3}, V, "padding must be smaller than the dilated kernel, 3"),
        ({"H": 8, "stride": 2, "exact": True}, V, "stride must divide H + padding - kernel = 8 + 0 - 3 = 5"),
        ({"exact": None}, T, "exact must be True or False, got NoneType: None"),
    ],
    "conv2d": [
        ({"I": I[0]}, V, "I must have the axes (N, C_in, H, W), got I.shape=(4, 7, 8)"),
        ({"F": F[0, 0]}, V, "F must have the axes (C_out, C_in/groups, K_h, K_w), got F.shape=(3, 2)"),
        ({"I": I.tolist()}, T, "I must be a NumPy array (N, C_in, H, W), got list: [[[[0.0"),
        ({"I": "image"}, T, "I must be a NumPy array (N, C_in, H, W), got str: 'image'"),
        ({"F": None}, T, "F must be a NumPy array (C_out, C_in/groups, K_h, K_w), got NoneType: None"),
        ({"I": np.ma.masked_array(I)}, T, "I must be a NumPy array (N, C_in, H, W), got MaskedArray"),
        ({"I": I.astype(np.int32)}, T, "I must hold float32, float64 or int64, got int32"),
        ({"I": I.astype(np.uint8)}, T, "I must hold float32, float64 or int64, got uint8"),
        ({"F": F.astype(complex)}, T, "F must hold float32, float64 or int64, got complex128"),
        ({"I": I.astype(object)}, T, "I must hold float32, float64 or int64, got object"),
        ({"F": F > 0}, T, "F must hold float32, float64 or int64, got bool"),
        ({"F": F.astype(np.float32)}, T, "F must have the dtype of I, float64, got float32; convert one"),
        ({"B": B.astype(np.int64)}, T, "B must have the dtype of I, float64, got int64; convert one"),
        ({"B": 0}, T, "B must be a NumPy array (C_out), got int: 0"),
        ({"B": np.zeros(4)}, V, "B must have the shape (C_out) = (6,), got B.shape=(4,)"),
        ({"B": np.zeros((6, 1))}, V, "B must have the axes (C_out), got B.shape=(6, 1)"),
        ({"F": F[:, :3]}, V, "F must have C_in/groups = 4/1 = 4 channels because I has 4, got F.shape=(6, 3, 3, 2)"),
        ({"F": F[:, :, :0]}, V, "F must have at least one row and one column, got F.shape=(6, 4, 0, 2)"),
        ({"stride": 0}, V, "stride must be at least 1, got 0"),
        ({"stride": (1, -2)}, V, "stride[1] must be at least 1, got -2"),
        ({"stride": 1.0}, T, "stride must be an integer, got float: 1.0"),
        ({"stride": True}, T, "stride must be an integer, got bool: True"),
        ({"stride": "2"}, T, "stride must be an integer, got str: '2'"),
        ({"stride": None}, T, "stride must be an integer, got NoneType: None"),
        ({"stride": (1, 2, 3)}, V, "stride must be an integer or (height, width), got (1, 2, 3)"),
        ({"stride": [1]}, V, "stride must be an integer or (height, width), got [1]"),
        ({"stride": np.array([1, 2])}, T, "stride must be an integer, got ndarray"),
        ({"stride": 2**40}, V, "stride must be at most 2**31 - 1, got 1099511627776"),
        ({"dilation": 0}, V, "dilation must be at least 1, got 0"),
        ({"dilation": (1, None)}, T, "dilation[1] must be an integer, got NoneType: None"),
        ({"padding": -1}, V, "padding must be at least 0, got -1"),
        ({"padding": (0, (1, -1))}, V, "padding[1][1] must be at least 0, got -1"),
        ({"padding": (1, (1, 2, 3))}, V, "padding[1] must be an integer or a pair, got (1, 2, 3)"),
        ({"padding": (1, 1, 1, 1)}, V, "padding must be an integer, (height, width) or ((top, bottom), (left"),
        ({"padding": 0.5}, T, "padding must be an integer, got float: 0.5"),
        ({"padding": "full"}, V, "padding must be 'valid', 'same' or numbers, got 'full'"),
        ({"padding": "same", "stride": 2}, V, "padding='same' needs stride 1, got stride=(2, 2)"),
        ({"groups": 3}, V, "groups must divide C_in = 4, got groups=3"),
        ({"groups": 4, "F": F[:, :1]}, V, "groups must divide C_out = 6, got groups=4"),
        ({"groups": 0}, V, "groups must be at least 1, got 0"),
        ({"groups": (1, 1)}, T, "groups must be an integer, got tuple: (1, 1)"),
        ({"algorithm": "fft"}, V, "algorithm must be 'auto' or one of ['direct'"),
        ({"algorithm": None}, T, "algorithm must be a string, got NoneType: None"),
        ({"I": I[:, :, :2]}, V, "along the height, a kernel of length 3 does not fit in the padded input of"),
        ({"dilation": (1, 8)}, V, "along the width, a kernel of length 2 (dilated 9) does not fit in the padded"),
        ({"padding": 2**31 - 1}, V, "imply a result of shape (2, 6, 4294967"),
    ],
    "conv2d_backward": [
        ({"G": G[1:]}, V, "G must have the shape (N, C_out, H_out, W_out) = (2, 6, 5, 7), got G.shape=(1, 6, 5, 7)"),
        ({"G": G[:, :, 1:]}, V, "= (2, 6, 5, 7), got G.shape=(2, 6, 4, 7)"),
        ({"stride": 2}, V, "= (2, 6, 3, 4), got G.shape=(2, 6, 5, 7)"),
        ({"G": G.astype(np.float32)}, T, "G must have the dtype of I, float64, got float32"),
        ({"F": F[:, 1:]}, V, "F must have C_in/groups = 4/1 = 4 channels"),
        ({"algorithm": "fft"}, V, "algorithm must be 'auto' or one of"),
    ],
    "conv2d_grad_input": [
        ({"input_size": (7, 9)}, V, "= (2, 6, 5, 8), got G.shape=(2, 6, 5, 7)"),
        ({"input_size": (2, 4, 7, 8)}, V, "input_size must be an integer or (height, width), got (2, 4, 7, 8)"),
        ({"input_size": 7.5}, T, "input_size must be an integer, got float: 7.5"),
        ({"G": G[:, 1:]}, V, "= (2, 6, 5, 7), got G.shape=(2, 5, 5, 7)"),
        ({"groups": 4}, V, "groups must divide C_out = 6, got groups=4"),
        ({"F": F.astype(np.float32)}, T, "G must have the dtype of F, float32, got float64"),
    ],
    "conv2d_grad_filters": [
        ({"kernel_size": 0}, V, "kernel_size must be at least 1, got 0"),
        ({"kernel_size": (3, 3)}, V, "= (2, 6, 5, 6), got G.shape=(2, 6, 5, 7)"),
        ({"groups": 5}, V, "groups must divide C_in = 4, got groups=5"),
        ({"groups": 0}, V, "groups must be at least 1, got 0"),
        ({"G": None}, T, "G must be a NumPy array (N, C_out, H_out, W_out), got NoneType"),
    ],
    "conv2d_grad_bias": [
        ({"G": G[0]}, V, "G must have the axes (N, C_out, H_out, W_out), got G.shape=(6, 5, 7)"),
        ({"G": G.astype(np.float16)}, T, "G must hold float32, float64 or int64, got float16"),
    ],
    "conv_transpose2d": [
        ({"I": I[:, 1:]}, V, "F must have one filter per channel of I, C_in = 3, got F.shape=(4, 3, 2, 5)"),
        ({"groups": 3}, V, "groups must divide C_in = 4, got groups=3"),
        ({"groups": 2}, V, "B must have the shape (C_out) = (6,), got B.shape=(3,)"),
        ({"B": np.zeros(3, np.float32)}, T, "B must have the dtype of I, float64, got float32"),
        ({"I": I[:, :, :0]}, V, "I and F must have at least one row and one column"),
        ({"output_padding": 1}, V, "output_padding must be smaller than stride or dilation, 1 along the height, got 1"),
        ({"output_padding": -1}, V, "output_padding must be at least 0, got -1"),
        ({"padding": (4, 0)}, V, "padding must leave an output, but along the height (H-1)S"),
        ({"padding": "same"}, T, "padding must be an integer, got str: 'same'"),
        ({"stride": 0}, V, "stride must be at least 1, got 0"),
        ({"stride": 2**31 - 1}, V, "imply a result of shape (2, 3, "),
    ],
    "pool2d": [
        ({"f": None}, T, "f must be a function of one window, got NoneType: None"),
        ({"f": lambda window: window}, T, "f must return one number, got ndarray"),
        ({"f": lambda window: "high"}, T, "f must return one number that float64 can hold, got <U4"),
        ({"f": lambda window: [3.0]}, T, "f must return one number, got list: [3.0]"),
        ({"f": lambda window: (1, 2)}, T, "f must return one number, got tuple: (1, 2)"),
        ({"f": None, "I": I[:0]}, T, "f must be a function of one window, got NoneType: None"),
        ({"f": lambda window: 1j}, T, "f must return one number that float64 can hold, got complex128"),
        ({"f": np.mean, "I": I.astype(np.int64)}, T, "f must return one number that int64 can hold, got float64"),
        ({"kernel_size": 8}, V, "along the height, a kernel of length 8 does not fit"),
        ({"kernel_size": None}, T, "kernel_size must be an integer, got NoneType: None"),
        ({"stride": 0}, V, "stride must be at least 1, got 0"),
    ],
    "pool2d_backward": [
        ({"df": 3}, T, "df must be a function of one window, got int: 3"),
        ({"df": np.max}, T, "df must return an array, got float64"),
        ({"df": lambda window: window[1:]}, V, "df must return an array of the window's shape, (2, 2), got shape (1"),
        ({"df": lambda window: np.ma.ones((2, 2))}, T, "df must return an array, got MaskedArray"),
        ({"df": lambda window: window * 1j}, T, "df must return an array that float64 can hold, got complex128"),
        ({"G": G}, V, "G must have the shape (N, C, H_out, W_out) = (2, 4, 3, 4), got G.shape=(2, 6, 5, 7)"),
    ],
    "max_pool2d": [
        ({"I": I[0, 0]}, V, "I must have the axes (N, C, H, W), got I.shape=(7, 8)"),
        ({"kernel_size": (2, 0)}, V, "kernel_size[1] must be at least 1, got 0"),
        ({"padding": 2}, V, "the dilated kernel, 2 along the height, got padding=(2, 2): every window must"),
        ({"padding": ((0, 0), (0, 3)), "dilation": 2}, V, "the dilated kernel, 3 along the width, got padding=(0, 3)"),
        ({"padding": "same"}, T, "padding must be an integer, got str: 'same'"),
        ({"ceil_mode": "yes"}, T, "ceil_mode must be True or False, got str: 'yes'"),
        ({"return_winners": 1}, T, "return_winners must be True or False, got int: 1"),
        ({"I": I[:, :, :0]}, V, "along the height, a kernel of length 2 does not fit"),
        ({"I": I[:, :, :0], "padding": 1}, V, "every window must meet the input, but along the height window 0"),
        ({"I": I[..., :2], "padding": (0, 2), "dilation": (1, 3), "stride": 1}, V, "window 1 begins at -1, its"),
    ],
    "max_pool2d_backward": [
        ({"winners": POOLED.astype(int) + 56}, V, "at least 0 and less than H W = 56, got winners[0, 0, 0, 0] = 56"),
        ({"winners": POOLED.astype(int)[0]}, V, "winners must have the axes (N, C, H_out, W_out), got"),
        ({"winners": POOLED.astype(int)[:1]}, V, "winners must have the shape (N, C, H_out, W_out) = (2, 4, 3, 4)"),
        ({"winners": POOLED.astype(np.int32)}, T, "winners must hold int64, got int32"),
        ({"winners": POOLED}, T, "winners must hold int64, got float64"),
        ({"winners": True}, T, "winners must be a NumPy array (N, C, H_out, W_out), got bool: True"),
        ({"G": POOLED[:, :, :, 1:]}, V, "= (2, 4, 3, 4), got G.shape=(2, 4, 3, 3)"),
        ({"dilation": 0}, V, "dilation must be at least 1, got 0"),
    ],
    "avg_pool2d": [
        ({"divisor_override": 0}, V, "divisor_override must not be 0, got 0"),
        ({"divisor_override": 2.5}, T, "divisor_override must be an integer, got float: 2.5"),
        ({"count_include_pad": 0}, T, "count_include_pad must be True or False, got int: 0"),
        ({"I": I.astype(np.int64)}, T, "I must hold floats, got int64: a mean of integers is not an integer"),
        ({"padding": (0, 2)}, V, "padding must be smaller than the dilated kernel, 2 along the width"),
    ],
    "avg_pool2d_backward": [
        ({"G": POOLED.astype(np.int64)}, T, "G must have the dtype of I, float64, got int64"),
        ({"stride": (2, 1)}, V, "= (2, 4, 3, 7), got G.shape=(2, 4, 3, 4)"),
        ({"divisor_override": 0}, V, "divisor_override must not be 0, got 0"),
    ],
}  # fmt: skip


@pytest.fixture
def no_kernels(monkeypatch):
    """Make every kernel call a failure."""

    def reached(*arguments, **workspace):
        raise AssertionError("a kernel was reached")

    for module in (direct, gemm, gemm_filters, grouped, narrow, pointwise):
        monkeypatch.setattr(module, "share", reached)
    monkeypatch.setattr(pooling, "share", reached)
    monkeypatch.setattr(windows, "compiled_pool", reached)
    monkeypatch.setattr(windows, "compiled_pool_backward", reached)


ROWS = [(function, *row) for function, rows in BAD.items() for row in rows]


@pytest.mark.parametrize(
    ("function", "change", "error", "words"), ROWS, ids=[f"{name}-{'-'.join(change)}" for name, change, *_ in ROWS]
)
@pytest.mark.usefixtures("no_kernels")
def test_refuses(function, change, error, words):
    with pytest.raises(error, match=re.escape(words)):
        getattr(lectcode, function)(**{**VALID[function], **change})


@pytest.mark.parametrize("function", VALID)
def test_the_call_without_the_change_is_valid(function):
    getattr(lectcode, function)(**VALID[function])


def test_the_table_covers_every_public_function():
    assert set(BAD) == set(lectcode.__all__) - {"ConvGradients"}


def test_the_fixture_sees_a_call_that_reaches_a_kernel(no_kernels):
    for function in sorted(set(VALID) - {"output_size", "conv2d_grad_bias", "pool2d", "pool2d_backward"}):
        with pytest.raises(AssertionError, match="a kernel was reached"):
            getattr(lectcode, function)(**VALID[function])


def test_compiled_functions_of_a_window_are_refused_too():
    with pytest.raises(TypeError, match="f must return one number that int64 can hold, got float64"):
        lectcode.pool2d(I.astype(np.int64), numba.njit(lambda window: window.mean()), 2)
    with pytest.raises(ValueError, match="df must return an array of the window's shape"):
        lectcode.pool2d_backward(POOLED, I, numba.njit(lambda window: window[1:]), 2)


@pytest.mark.parametrize(
    ("function", "right", "wrong"),
    [
        ("conv2d", {"stride": 1}, {"stride": True}),
        ("conv2d", {"dilation": 1}, {"dilation": 1.0}),
        ("conv2d", {"padding": (1, 0)}, {"padding": (1, False)}),
        ("conv2d", {"padding": ((1, 0), (0, 1))}, {"padding": ((1, 0), (0.0, 1))}),
        ("conv2d_backward", {"groups": 1}, {"groups": True}),
        ("conv2d_grad_input", {"input_size": (7, 8)}, {"input_size": (7, 8.0)}),
        ("conv2d_grad_filters", {"kernel_size": (3, 2)}, {"kernel_size": (3.0, 2)}),
        ("conv_transpose2d", {"output_padding": 0}, {"output_padding": False}),
        ("pool2d", {"stride": 1}, {"stride": True}),
        ("max_pool2d", {"ceil_mode": False}, {"ceil_mode": 0}),
        ("max_pool2d_backward", {"kernel_size": (2, 2)}, {"kernel_size": (2.0, 2)}),
        ("avg_pool2d", {"padding": 0}, {"padding": False}),
        ("avg_pool2d_backward", {"stride": (2, 2)}, {"stride": (2, 2.0)}),
    ],
)
def test_what_was_remembered_lets_no_wrong_argument_pass(function, right, wrong):
    """True equals 1 and 2.0 equals 2, but they are no sizes, also after a call with 1 and 2."""
    getattr(lectcode, function)(**{**VALID[function], **right})
    with pytest.raises(TypeError, match=r"must be an integer|must be True or False"):
        getattr(lectcode, function)(**{**VALID[function], **wrong})


@pytest.mark.parametrize("two", [np.int8(2), np.uint64(2), np.array(2)])
def test_numpy_integers_are_integers(two):
    O = lectcode.conv2d(I, F, B, stride=(two, 1), padding=[two, 0])
    assert O.shape == lectcode.conv2d(I, F, B, stride=(2, 1), padding=(2, 0)).shape


def test_a_long_value_is_cut_short():
    with pytest.raises(TypeError) as caught:
        lectcode.conv2d(I.tolist(), F)
    assert len(str(caught.value)) < 150
