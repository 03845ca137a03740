"""Winograd's convolution: near the definition within its stated bound, for every way to cut an image into tiles."""

from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from itertools import product

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lectcode
from lectcode import reference, shapes
from lectcode.kernels import ALGORITHMS, winograd
from lectcode.kernels import winograd_transforms as transforms
from lectcode.kernels.simd import lanes, load, splat, store
from lectcode.verify.winograd import cook_toom
from tests import tolerance
from tests.geometry import Conv, among, reals, seeds

WINOGRAD = ALGORITHMS["winograd"]
FLOATS = list(tolerance.UNIT)


@pytest.fixture
def small_tasks(monkeypatch, always_threads):
    """Make tasks so small that images span tasks and tasks span images, and take threads for all of them."""
    monkeypatch.setattr(winograd, "TILES", 5)
    monkeypatch.setattr(winograd, "MANY", 6)
    monkeypatch.setattr(winograd, "OWN", winograd.OWN)
    monkeypatch.setattr(winograd, "FAR", winograd.FAR)
    winograd.plan.cache_clear()
    yield
    winograd.plan.cache_clear()


def largest_error(case, dtype, seed=0, make=reals):
    """Return the largest errors of O and dI, in units of what the bound allows."""
    I, F, B, rng = case.arrays(make, seed, dtype)
    O = lectcode.conv2d(I, F, B, **case.keywords, algorithm="winograd")
    G = make(rng, *O.shape, dtype=dtype)
    dI = lectcode.conv2d_grad_input(G, F, I.shape[2:], **case.keywords, algorithm="winograd")
    assert O.dtype == dI.dtype == dtype
    padding, groups = (case.keywords.get(name, default) for name, default in (("padding", 0), ("groups", 1)))
    geometry = shapes.conv_geometry(I.shape[1], I.shape[2:], F.shape, 1, padding, 1, groups)
    taps = F.shape[2] * F.shape[3]
    I_, F_, B_, G_ = (X.astype(np.longdouble) for X in (I, F, B, G))
    unit = tolerance.UNIT[np.dtype(dtype)]
    errors = []
    for actual, expected, arguments, terms in (
        (O, reference.conv2d(I_, F_, B_, **case.keywords), (I_, F_, B_, geometry, False), taps * F.shape[1] + 1),
        (
            dI,
            reference.conv2d_grad_input(G_, F_, I.shape[2:], **case.keywords),
            (G_, F_, np.zeros(I.shape[1]), geometry, True),
            taps * F.shape[0] // groups,
        ),
    ):
        W = WINOGRAD.magnitude(*arguments)
        assert W.shape == actual.shape == expected.shape
        # 1e-3 u: what the long doubles themselves may be off
        allowed = WINOGRAD.error_bound(-(-terms // taps) + 1, unit) / unit + 1e-3
        errors.append(tolerance.normalised_error(actual, expected, W) / allowed)
    return errors


paddings = st.tuples(*[st.tuples(st.integers(0, 3), st.integers(0, 3))] * 2)


@pytest.mark.usefixtures("small_tasks")
@pytest.mark.parametrize("dtype", FLOATS)
@settings(max_examples=40)
@given(
    K=among(3, 5),
    groups=among(1, 2),
    sizes=st.tuples(among(1, 2, 3, 0), among(1, 2, 5, 0), among(1, 3, 17, 90, 0)),
    image=st.tuples(st.integers(0, 9), st.integers(0, 9)),
    padding=paddings,
    tiles=among(1, 5, 30),
    many=among(1, 6, 1000),
    own=among(winograd.OWN, 0),
    far=among(winograd.FAR, 0),
    seed=seeds,
)
def test_stays_within_its_stated_error_bound(K, groups, sizes, image, padding, tiles, many, own, far, seed, dtype):
    winograd.TILES, winograd.MANY, winograd.OWN, winograd.FAR = tiles, many, own, far
    winograd.plan.cache_clear()
    (N, C_in, C_out), (H, W) = sizes, image
    H, W = (max(size, K - sum(P)) for size, P in zip(image, padding, strict=True))
    case = Conv(N, C_in * groups, H, W, C_out * groups, K, K, {"padding": padding, "groups": groups})
    assert max(largest_error(case, dtype, seed)) <= 1


@pytest.mark.usefixtures("small_tasks")
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize(("K", "padding"), [*product((3, 5), (0, 1, 2, 3, ((3, 0), (1, 2)))), (5, 4), (5, 5)])
def test_every_size_of_an_image(K, padding, dtype):
    """All remainders of the height and of the width by the size of a tile, with tasks that split images."""
    for H in range(K, K + 4):
        for W in range(6, 10):
            assert max(largest_error(Conv(2, 1, H, W, 2, K, K, {"padding": padding}), dtype, H * W)) <= 1


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize(
    "case",
    [
        Conv(1, 258, 5, 6, 10, 3, 3, {"padding": 1}),  # more channels than the micro-kernel adds at once
        Conv(7, 3, 6, 30, 2, 3, 3),  # a panel that holds tiles of two images
        Conv(1, 1, 77, 80, 1, 3, 3, {"padding": 1}),  # many tiles
        Conv(1, 258, 4, 5, 10, 5, 5, {"padding": 2}),
        Conv(7, 3, 6, 30, 2, 5, 5),
        Conv(1, 1, 39, 41, 1, 5, 5, {"padding": 2}),
        Conv(3, 4, 13, 15, 6, 5, 5, {"padding": 2, "groups": 2}),
        Conv(1, 2, 41, 43, 4, 3, 3, {"padding": 1, "groups": 2}),
    ],
)
def test_large_enough_for_panels(case, dtype):
    assert max(largest_error(case, dtype)) <= 1


@pytest.mark.parametrize("K", [3, 5])
def test_the_error_bound_sees_a_planted_fault(monkeypatch, K):
    """A transform whose entries are off by 2^-12 leaves the bound."""
    true = winograd._constants

    def wrong(*arguments):
        return true(*arguments) * np.float32(1 + 2.0**-12)

    monkeypatch.setattr(winograd, "_constants", wrong)
    assert max(largest_error(Conv(1, 2, 8, 8, 3, K, K), np.float32)) > 1


@pytest.mark.usefixtures("small_tasks")
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize(("K", "groups"), [(3, 1), (5, 1), (3, 2)])
def test_bitwise_the_same_for_any_number_of_threads_and_callers(K, groups, dtype):
    rng = np.random.default_rng(0)
    I, B = reals(rng, 3, 2, 7, 9, dtype=dtype), reals(rng, 34, dtype=dtype)
    F, keywords = reals(rng, 34, 2 // groups, K, K, dtype=dtype), {"padding": K // 2, "groups": groups}

    def bits():
        O = lectcode.conv2d(I, F, B, **keywords, algorithm="winograd")
        return O.tobytes(), lectcode.conv2d_grad_input(O, F, (7, 9), **keywords, algorithm="winograd").tobytes()

    results = set()
    for many, own, far in product((6, 1000), (winograd.OWN, 0), (winograd.FAR, 0)):
        winograd.MANY, winograd.OWN, winograd.FAR = many, own, far
        winograd.plan.cache_clear()
        for number in (1, 2, 3):
            numba.set_num_threads(number)
            results.add(bits())
        with ThreadPoolExecutor(4) as pool:
            results.update(pool.map(lambda _: bits(), range(4)))
    assert len(results) == 1


@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="nothing is compiled")
def test_no_product_is_fused_with_a_sum():
    """LLVM would choose which, in each function that a transform is inlined in: results would depend on the thread."""

    @numba.njit
    def second_output(x, p, q, result):
        m, zero, minus_one, p, q = load(x, 0), splat(x[0]), splat(x[1]), splat(p), splat(q)
        y = transforms.output_transform_5((m, m, zero, minus_one, zero, zero), (p, q, p, p, p, p))
        store(result, 0, y[1])

    dtype, p, q = np.float32, np.float32(1 + 2.0**-12), np.float32(1)
    x, result = np.full(lanes(dtype), p, dtype), np.zeros(lanes(dtype), dtype)
    x[:2] = 0, -1
    second_output(x, p, q, result)
    assert result[-1] == p * p - q != dtype(np.float64(p) * p - q)


@pytest.mark.parametrize("K", [3, 5])
@pytest.mark.parametrize("total", [384, 385, 512, 961, 1000])
@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_threads_get_about_as_much(K, total, number):
    """Counted in blocks of tiles, none of which is left half empty by more than the last task."""
    tile = 7 - K
    sizes = winograd.plan(total, 8, 8, 1, K, False, (tile, tile), (0, 0), (tile, tile), 4, number)
    assert sizes.total == total
    assert winograd.TILES // 3 <= sizes.tiles <= winograd.TILES  # each task reads all transformed filters
    assert sizes.tiles % winograd.BLOCK == 0
    tasks = -(-total // sizes.tiles)
    assert number * -(-tasks // number) * sizes.tiles <= 1.25 * total


@pytest.mark.parametrize(
    ("N", "rows", "channels", "threads_", "first"),
    [
        (8, 48, 128, 1, False),
        (8, 48, 128, 2, True),  # three vectors of filters would keep one of two threads waiting
        (8, 128, 48, 2, False),  # eight do not
        (1, 16, 48, 2, True),  # nor do two blocks of tiles, where there is one vector of filters
        (8, 384, 384, 2, False),  # transformed filters that fill a cache are not computed twice
        (64, 128, 48, 1, True),
    ],
)
def test_threads_share_tiles_or_filters_as_is_better(N, rows, channels, threads_, first):
    """Counted with vectors of 64 bytes."""
    sizes = winograd.plan(N, rows, channels, 1, 5, False, (7, 7), (-2, -2), (7, 7), 4, threads_)
    assert sizes.filters_first == first or winograd.BYTES < 64


@pytest.mark.parametrize(
    ("N", "channels", "vectors", "threads_", "at_once"),
    [
        (64, 512, 32, 1, 4),
        (64, 512, 32, 2, 4),
        (64, 512, 12, 2, 3),  # three tasks would keep one of two threads waiting
        (64, 512, 2, 2, 1),
        (8, 512, 32, 1, 1),  # V stays near
        (96, 512, 32, 1, 1),  # U is computed first
    ],
)
def test_vectors_of_filters_share_what_comes_from_far_away(N, channels, vectors, threads_, at_once, monkeypatch):
    monkeypatch.setattr(winograd, "SMALL", 2**30)  # there is room for V, and U is not computed twice
    monkeypatch.setattr(winograd, "OWN", 0)
    rows, itemsize = vectors * winograd.BYTES // 4, 4
    sizes = winograd.plan.__wrapped__(N, rows, channels, 1, 3, False, (7, 7), (-1, -1), (7, 7), itemsize, threads_)
    assert sizes.at_once == at_once


@pytest.mark.skipif(winograd.BYTES < 64, reason="counted with vectors of 64 bytes")
@pytest.mark.parametrize(
    ("N", "rows", "channels", "size", "first", "pays"),
    [
        (8, 160, 320, 7, False, True),
        (64, 160, 320, 7, False, True),  # one vector of filters at a time: V has room, and with four it would not
        (16, 128, 256, 14, True, True),  # U has room
        (300, 16, 4096, 1, True, False),  # neither has, so whoever asks for it gets what is smaller
    ],
)
def test_few_tiles_take_what_has_room(N, rows, channels, size, first, pays):
    image = size, size
    sizes = winograd.plan(N, rows, channels, 1, 3, True, image, (-1, -1), image, 4)
    assert sizes.total < winograd.MANY
    assert (sizes.filters_first, sizes.at_once) == (first, 1)
    assert winograd.chooses(same_size(rows, channels, 1, 3, size), N, rows, channels, image, 4) == pays
    fits = winograd.taken(sizes, 4) <= winograd.room(N, rows, channels, 1, 3, image, image, 4)
    assert fits == pays


@pytest.mark.filterwarnings("ignore:(invalid value|overflow):RuntimeWarning" if numba.config.DISABLE_JIT else "error")
@pytest.mark.usefixtures("small_tasks")
@pytest.mark.parametrize("many", [6, 1000])
@pytest.mark.parametrize("salt", [np.inf, -np.inf, np.nan, 3e38])
@pytest.mark.parametrize("salted", ["I", "F", "B", "G"])
@pytest.mark.parametrize(("K", "groups"), [(3, 1), (5, 1), (3, 2)])
def test_what_is_not_finite_goes_where_it_goes_in_plain_sums(K, groups, salted, salt, many):
    """3e38 is finite, but overflows in the transforms where it meets no other number in a plain sum."""
    winograd.MANY = many
    rng = np.random.default_rng(5)
    X = {
        "I": rng.integers(-3, 4, (4, 2, 9, 10)).astype(np.float32),
        "F": rng.integers(-1, 2, (4, 2 // groups, K, K)).astype(np.float32),
        "B": rng.integers(-3, 4, 4).astype(np.float32),
        "G": rng.integers(-3, 4, (4, 4, 9, 10)).astype(np.float32),
    }
    keywords = {"padding": K // 2, "groups": groups}
    X[salted].flat[X[salted].size // 2] = salt
    for algorithm in ("winograd", "gemm"):
        X["O", algorithm] = lectcode.conv2d(X["I"], X["F"], X["B"], **keywords, algorithm=algorithm)
        X["dI", algorithm] = lectcode.conv2d_grad_input(X["G"], X["F"], (9, 10), **keywords, algorithm=algorithm)
    for name in ("O", "dI"):
        expected = X[name, "gemm"]
        np.testing.assert_array_equal(np.isfinite(X[name, "winograd"]), np.isfinite(expected))
        np.testing.assert_allclose(X[name, "winograd"], expected, rtol=1e-5, atol=1e-4)
        if (salted in "IB" and name == "O") or (salted == "G" and name == "dI"):
            assert not np.isfinite(expected).all() or salt == np.float32(3e38)


@pytest.mark.parametrize(
    ("dtype", "kernel_size", "keywords", "message"),
    [
        (np.int64, 3, {}, "its transforms contain fractions, and int64 has none"),
        (np.float32, 4, {}, r"it needs kernel_size=\(3, 3\) or \(5, 5\), got \(4, 4\)"),
        (np.float64, 3, {"stride": 2}, r"it needs stride=\(1, 1\), got \(2, 2\)"),
        (np.float64, 3, {"dilation": (1, 2)}, r"it needs dilation=\(1, 1\), got \(1, 2\)"),
    ],
)
def test_says_why_it_does_not_apply(dtype, kernel_size, keywords, message):
    I = np.zeros((1, 2, 8, 8), dtype)
    F = np.zeros((2, 2, kernel_size, kernel_size), dtype)
    with pytest.raises(ValueError, match=f"algorithm='winograd' does not apply: {message}"):
        lectcode.conv2d(I, F, **keywords, algorithm="winograd")


def same_size(channels, rows, groups, K, size):
    """Return the geometry of a convolution that keeps the size."""
    F_shape = rows, channels // groups, K, K
    return shapes.conv_geometry(channels, (size, size), F_shape, 1, "same", 1, groups)


def test_one_window_is_left_to_a_plain_product_of_matrices():
    geometry = shapes.conv_geometry(16, (5, 5), (120, 16, 5, 5), 1, 0, 1, 1)
    assert not winograd.chooses(geometry, 64, 16, 120, (5, 5), 4)
    assert winograd.chooses(same_size(16, 120, 1, 5, 5), 64, 16, 120, (5, 5), 4)


def test_an_image_of_padding_alone_has_a_gradient_of_no_numbers():
    geometry = shapes.conv_geometry(64, (0, 0), (64, 64, 3, 3), 1, 2, 1, 1)
    assert not winograd.chooses(geometry, 1, 64, 64, (0, 0), 4)


@pytest.mark.parametrize(
    ("N", "channels", "rows", "groups", "K", "size", "pays", "pays_shorter"),
    [
        (1, 64, 64, 1, 3, 56, True, True),
        (1, 512, 512, 1, 3, 28, True, True),  # windows first: U would be larger than all tensors together
        (8, 512, 512, 1, 3, 7, True, True),
        (1, 160, 320, 1, 3, 7, True, True),
        (1, 512, 512, 1, 3, 4, False, False),  # a single tile fills an eighth of a block
        (1, 3, 16, 1, 3, 32, False, False),  # transforms cost more than three channels save
        (1, 3, 64, 1, 3, 224, False, False),
        (1, 64, 3, 1, 3, 224, True, False),  # three rows take "gemm" as long as its block has, eight or four
        (1, 16, 16, 1, 3, 16, True, False),
        (1, 16, 16, 1, 3, 8, False, False),  # nor what every call costs
        (0, 64, 64, 1, 3, 56, False, False),
        (1, 16, 32, 1, 5, 28, True, True),
        (8, 48, 128, 1, 5, 7, True, True),
        (1, 48, 128, 1, 5, 7, True, True),
        (8, 3, 16, 1, 5, 28, False, False),
        (1, 96, 256, 2, 5, 27, True, True),
        (64, 512, 512, 32, 3, 14, False, False),  # sixteen channels a group: vectors run across the groups
    ],
)
def test_when_it_pays(N, channels, rows, groups, K, size, pays, pays_shorter):
    """As measured with vectors of 64 bytes and of 32."""
    geometry = same_size(channels, rows, groups, K, size)
    expected = pays if winograd.BYTES == 64 else pays_shorter
    assert winograd.chooses(geometry, N, rows, channels, (size, size), 4) == expected


@pytest.mark.parametrize("itemsize", [4, 8])
@pytest.mark.parametrize("K", [3, 5])
def test_the_workspace_stays_below_twice_the_tensors(K, itemsize):
    """Where it is chosen; below SMALL bytes nobody counts."""
    chosen = 0
    for N, channels, size in product((1, 8, 16, 64), (16, 64, 256, 512), (7, 14, 28, 56, 112)):
        for rows in (channels // 2, channels, 2 * channels):
            image = size, size
            if winograd.chooses(same_size(channels, rows, 1, K, size), N, rows, channels, image, itemsize):
                chosen += 1
                sizes = winograd.plan(N, rows, channels, 1, K, False, image, (0, 0), image, itemsize)
                shared, first, second = winograd.workspace(sizes, winograd.BYTES // itemsize)
                tensors = N * (rows + channels) * size**2 + K**2 * rows * channels
                assert (shared + max(first, second)) * itemsize <= max(2 * tensors * itemsize, winograd.SMALL)
    assert chosen > 80


def test_nothing_to_do():
    for N, C_in, C_out in ((0, 2, 3), (2, 0, 3), (2, 3, 0)):
        assert largest_error(Conv(N, C_in, 5, 6, C_out, 3, 3), np.float64) == [0, 0]


@pytest.mark.parametrize("K", [3, 5])
def test_the_matrices_are_those_of_cook_and_toom_and_the_code_multiplies_with_them(K):
    A, G, B = cook_toom(7 - K, K, [0, transforms.P, -transforms.P, transforms.Q, -transforms.Q])
    for ours, theirs in ((transforms.A[K], A), (transforms.G[K], G), (transforms.B, B)):
        assert (ours == theirs).all()
    numbers = transforms.FILTER[K]
    grouped = {3: (numbers[:6], numbers[6]), 5: (numbers[0], numbers[1:6], numbers[6:])}[K]
    for function, matrix, constants in (
        (transforms.input_transform, B, transforms.INPUT),
        (getattr(transforms, f"output_transform_{K}"), A, transforms.OUTPUT),
        (getattr(transforms, f"filter_transform_{K}"), G, grouped),
    ):
        plain = getattr(function, "py_func", function)
        for column in range(matrix.shape[1]):
            unit = [Fraction(int(column == j)) for j in range(matrix.shape[1])]
            assert list(plain(unit, constants)) == list(matrix[:, column])


@pytest.mark.parametrize("number", transforms.INPUT + transforms.OUTPUT)
def test_the_constants_of_input_and_output_are_exact(number):
    assert Fraction(float(np.float32(float(number)))) == number


# What was compared. Barabasz and others recommend the third.
POINTS = {
    "usual": "0 1 -1 2 -2",
    "halves": "0 1 -1 1/2 -1/2",
    "mixed": "0 1 -1 1/2 -2",
    "ours": "0 5/8 -5/8 3/2 -3/2",
}


@pytest.mark.parametrize(("K", "of_usual"), [(3, 0.5), (5, 0.52)])
def test_the_points_are_the_best_of_those_compared(K, of_usual):
    """The root mean square of the error in float32, on normally distributed windows and filters."""
    rng = np.random.default_rng(0)
    d, g = reals(rng, 32, 400, 6, 6, dtype=np.float32), reals(rng, 32, 1, K, K, dtype=np.float32)
    error = {}
    for name, points in POINTS.items():
        exact = cook_toom(7 - K, K, points.split())
        Y = {}
        for dtype in (np.float32, np.float64):
            A, G, B = (matrix.astype(dtype) for matrix in exact)
            M = (G @ g.astype(dtype) @ G.T) * (B @ d.astype(dtype) @ B.T)
            Y[dtype] = A @ M.sum(0) @ A.T
        error[name] = np.sqrt(((Y[np.float32] - Y[np.float64]) ** 2).mean())
    assert min(error, key=error.get) == "ours"
    assert error["ours"] < error["usual"] * of_usual
    assert error["ours"] < error["mixed"] * 0.75


@pytest.mark.parametrize(("channels", "size", "name"), [(32, (24, 22), "winograd"), (3, (6, 5), "gemm")])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_auto_takes_it_where_it_pays(channels, size, name, dtype):
    """Bit by bit, in every pass that has a choice; the filters' gradient has none."""
    rng = np.random.default_rng(0)
    I, F = reals(rng, 4, channels, *size, dtype=dtype), reals(rng, 32, channels, 3, 3, dtype=dtype)
    results = {}
    for algorithm in ("auto", "gemm", "winograd"):
        O = lectcode.conv2d(I, F, padding=1, algorithm=algorithm)
        dI, dF, _ = lectcode.conv2d_backward(I[:, :1].repeat(32, 1), I, F, padding=1, algorithm=algorithm)
        alone = lectcode.conv2d_grad_input(I[:, :1].repeat(32, 1), F, size, padding=1, algorithm=algorithm)
        assert alone.tobytes() == dI.tobytes()
        results[algorithm] = [array.tobytes() for array in (O, dI, dF)]
    assert results["auto"] == results[name if dtype == np.float32 else "gemm"]
    assert results["gemm"][:2] != results["winograd"][:2]
