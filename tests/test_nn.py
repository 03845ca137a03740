"""The network: layers against their definitions, whole networks by Euler's identity, optimisers by hand, files."""

import io
import shutil
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lectcode import data, gradcheck, nn, reference

FLOATS = (np.float32, np.float64)


def whole(rng, *shape, dtype=np.float64):
    """Small whole numbers: sums are exact, so results must be equal."""
    return rng.integers(-4, 5, shape).astype(dtype)


def with_whole_numbers(network, rng):
    for array in network.parameters.values():
        array[...] = rng.integers(-2, 3, array.shape)
    return network


def every_layer(rng, dtype=np.float64):
    """A network that has each kind of layer, with axis lengths that differ."""
    return nn.Sequential(
        nn.Conv2d(2, 3, (3, 2), stride=(2, 1), padding=1, rng=rng, dtype=dtype),
        nn.ReLU(),
        nn.MaxPool2d((2, 3), stride=1),
        nn.Conv2d(3, 4, 1, rng=rng, dtype=dtype),
        nn.AvgPool2d(2, stride=1),
        nn.Flatten(),
        nn.Linear(4 * 2 * 7, 6, rng=rng, dtype=dtype),
    )


def euler(network, I, rng):
    """Return <G, O> and, for the input and every filter, what Euler's identity says must equal it."""
    O = network.forward(I)
    G = whole(rng, *O.shape)
    dI = network.backward(G)
    found, later = {}, 0
    for name in reversed(network.parameters):  # B of a layer before its F, the last layer first
        product = np.vdot(network.gradients[name], network.parameters[name])
        if name.endswith("B"):
            later += product
        else:
            found[name] = product + later
    return np.vdot(G, O), found | {"I": np.vdot(dI, I) + later}


@given(N=st.integers(1, 3), C_in=st.integers(1, 4), C_out=st.integers(1, 4), seed=st.integers(0, 99))
def test_linear_equals_its_definition(N, C_in, C_out, seed):
    rng = np.random.default_rng(seed)
    layer = nn.Linear(C_in, C_out, rng=rng, dtype=np.float64)
    layer.parameters = {"F": whole(rng, C_out, C_in), "B": whole(rng, C_out)}
    F, B = layer.parameters["F"], layer.parameters["B"]
    I, G = whole(rng, N, C_in), whole(rng, N, C_out)
    np.testing.assert_array_equal(layer.forward(I), reference.linear(I, F, B))
    dI, dF, dB = reference.linear_backward(G, I, F)
    np.testing.assert_array_equal(layer.backward(G), dI)
    np.testing.assert_array_equal(layer.gradients["F"], dF)
    np.testing.assert_array_equal(layer.gradients["B"], dB)


@pytest.mark.parametrize("N", [0, 1, 50, 128, 900])
def test_a_product_in_parts_is_exact(N):
    """Of one part, of several, and too large for parts."""
    rng = np.random.default_rng(N)
    layer = nn.Linear(512, 10, rng=rng, dtype=np.float64)
    F, B, I, G = whole(rng, 10, 512), whole(rng, 10), whole(rng, N, 512), whole(rng, N, 10)
    layer.parameters = {"F": F, "B": B}
    np.testing.assert_array_equal(layer.forward(I), np.einsum("ni,oi->no", I, F) + B)
    np.testing.assert_array_equal(layer.backward(G), np.einsum("no,oi->ni", G, F))
    np.testing.assert_array_equal(layer.gradients["F"], np.einsum("no,ni->oi", G, I))


def test_relu_equals_its_definition_and_is_zero_at_the_kink():
    rng = np.random.default_rng(0)
    I, G = whole(rng, 3, 2, 4, 5), whole(rng, 3, 2, 4, 5) + 10
    layer = nn.ReLU()
    np.testing.assert_array_equal(layer.forward(I), reference.relu(I))
    dI = layer.backward(G)
    np.testing.assert_array_equal(dI, reference.relu_backward(G, I))
    assert (I == 0).any()
    assert (dI[I == 0] == 0).all()


@pytest.mark.parametrize("dtype", FLOATS)
def test_relu_stops_what_is_not_finite_and_passes_every_layout(dtype):
    I = np.array([[-1, 1], [0, 2], [np.nan, 3]], dtype)
    G = np.array([[np.inf, np.nan, -np.inf], [-np.inf, np.nan, -5]], dtype).T
    layer = nn.ReLU()
    layer.forward(I)
    for upstream in (G, np.ascontiguousarray(G), G.astype(G.dtype.newbyteorder())):
        dI = layer.backward(upstream)
        np.testing.assert_array_equal(dI, np.array([[0, -np.inf], [0, np.nan], [0, -5]], dtype))
        assert dI.dtype == dtype


def test_what_a_layer_has_returned_or_been_given_may_be_changed_where_it_is_not_kept():
    relu, loss = nn.ReLU(), nn.SoftmaxCrossEntropy()
    relu.forward(np.array([-1.0, 2.0]))[...] = -7
    np.testing.assert_array_equal(relu.backward(np.ones(2)), [0, 1])
    t = np.array([0])
    loss.forward(np.zeros((1, 2)), t)
    t[0] = 1
    np.testing.assert_array_equal(loss.backward(), [[-0.5, 0.5]])


@given(N=st.integers(1, 4), C=st.integers(1, 5), seed=st.integers(0, 99))
def test_the_loss_equals_its_definition(N, C, seed):
    rng = np.random.default_rng(seed)
    O, t = rng.normal(size=(N, C)), rng.integers(0, C, N)
    loss = nn.SoftmaxCrossEntropy()
    assert loss.forward(O, t) == pytest.approx(reference.softmax_cross_entropy(O, t), rel=1e-13, abs=1e-15)
    np.testing.assert_allclose(loss.backward(), reference.softmax_cross_entropy_backward(O, t), rtol=0, atol=1e-15)


@pytest.mark.parametrize("dtype", FLOATS)
def test_the_loss_does_not_overflow(dtype):
    O = np.array([[1e4, 0, -1e4], [-1e4, -1e4, -1e4]], dtype)
    loss = nn.SoftmaxCrossEntropy()
    assert loss.forward(O, np.array([2, 0])) == pytest.approx((2e4 + np.log(3)) / 2, rel=1e-6)
    assert np.isfinite(loss.backward()).all()
    assert loss.backward().dtype == dtype


@pytest.mark.parametrize("build", [every_layer, lambda rng: nn.digit_network(rng=rng, dtype=np.float64)])
def test_euler_is_exact_for_the_input_and_every_filter(build):
    rng = np.random.default_rng(1)
    network = with_whole_numbers(build(rng), rng)
    shape = (3, 2, 8, 9) if build is every_layer else (3, 1, 8, 8)
    I = whole(rng, *shape)  # a mean of four is exact in binary
    wanted, found = euler(network, I, rng)
    assert wanted != 0
    assert len(found) == 4
    assert found == dict.fromkeys(found, wanted)


@pytest.mark.parametrize("name", ["0.F", "3.B", "6.F"])
def test_euler_sees_a_wrong_gradient(name):
    rng = np.random.default_rng(2)
    network = with_whole_numbers(every_layer(rng), rng)
    layer, key = network.layers[int(name[0])], name[2:]
    right = type(layer).backward

    def wrong(G):
        dI = right(layer, G)
        layer.gradients[key] = layer.gradients[key] + 1
        return dI

    layer.backward = wrong
    network.parameters[name][...] = 1
    wanted, found = euler(network, whole(rng, 3, 2, 8, 9), rng)
    assert found != dict.fromkeys(found, wanted)


def test_every_gradient_agrees_with_central_differences():
    rng = np.random.default_rng(3)
    network, loss = every_layer(rng), nn.SoftmaxCrossEntropy()
    I, t = rng.normal(size=(4, 2, 8, 9)), rng.integers(0, 6, 4)
    arrays = {**network.parameters, "I": I}
    for name, array in arrays.items():

        def forward(x, array=array):
            before = array.copy()
            array[...] = x
            value = loss.forward(network.forward(I), t)
            array[...] = before
            return np.array([value])

        forward(array)
        dI = network.backward(loss.backward())
        dx = {**network.gradients, "I": dI}[name]
        gradcheck.check_gradient(forward, lambda G, dx=dx: G * dx, array.copy(), rng=rng, tolerance=1e-7)


@pytest.mark.parametrize("dtype", FLOATS)
def test_every_array_keeps_the_dtype(dtype):
    rng = np.random.default_rng(4)
    network, loss = every_layer(rng, dtype), nn.SoftmaxCrossEntropy()
    I = rng.normal(size=(4, 2, 8, 9)).astype(dtype)
    for optimiser in (nn.SGD(network, rate=0.1, momentum=0.9), nn.Adam(network)):
        loss.forward(network.forward(I), np.arange(4))
        assert network.backward(loss.backward()).dtype == dtype
        optimiser.step()
        for layer_output in (network.forward(I), *network.parameters.values(), *network.gradients.values()):
            assert layer_output.dtype == dtype


def test_grad_parameters_writes_the_same_gradients():
    rng = np.random.default_rng(5)
    for network in (every_layer(rng), nn.Sequential(nn.Linear(3, 2, rng=rng, dtype=np.float64), nn.ReLU())):
        I = whole(rng, 4, 2, 8, 9) if len(network.layers) > 2 else whole(rng, 4, 3)
        G = whole(rng, *network.forward(I).shape)
        network.backward(G)
        before = network.gradients
        network.grad_parameters(G)
        for name, gradient in network.gradients.items():
            np.testing.assert_array_equal(gradient, before[name])
    assert nn.ReLU().grad_parameters(np.zeros(3)) is None


def test_nothing_that_is_given_is_written():
    rng = np.random.default_rng(6)
    network, loss = every_layer(rng), nn.SoftmaxCrossEntropy()
    I, t = rng.normal(size=(4, 2, 8, 9)), np.arange(4)
    O = network.forward(I)
    loss.forward(O, t)
    G = loss.backward()
    given_arrays = [I, t, O, G]
    for array in given_arrays:
        array.flags.writeable = False
    network.forward(I)
    loss.forward(O, t)
    network.backward(G)  # a write would raise


def test_equal_seeds_give_equal_networks_in_both_dtypes():
    single, double = (nn.digit_network(rng=np.random.default_rng(7), dtype=dtype) for dtype in FLOATS)
    for name, array in double.parameters.items():
        np.testing.assert_array_equal(single.parameters[name], array.astype(np.float32))
    other = nn.digit_network(rng=np.random.default_rng(8))
    assert not np.array_equal(single.parameters["0.F"], other.parameters["0.F"])


def test_training_is_repeatable():
    I, t = data.digits()
    results = []
    for _ in range(2):
        rng = np.random.default_rng(9)
        network = nn.digit_network(rng=rng)
        losses = list(nn.train(network, I[:8] / 16, t[:8], rng=rng, epochs=2, size=5))
        results.append((losses, network.parameters["6.F"].tobytes()))
    assert results[0] == results[1]


def test_he_variance():
    F = nn.he_normal((400, 9, 5, 4), 180, rng=np.random.default_rng(0), dtype=np.float64)
    assert F.var() * 180 == pytest.approx(2, rel=0.01)
    assert abs(F.mean()) < 1e-3


def test_each_layer_has_its_fan_in():
    rng = np.random.default_rng(0)
    assert nn.Conv2d(50, 60, (3, 2), rng=rng).parameters["F"].var() * 300 == pytest.approx(2, rel=0.05)
    assert nn.Linear(300, 60, rng=rng).parameters["F"].var() * 300 == pytest.approx(2, rel=0.05)


def one_weight(value):
    network = nn.Sequential(nn.Linear(1, 1, rng=np.random.default_rng(0), dtype=np.float64))
    network.parameters["0.F"][...] = value
    return network


def steps(network, optimiser, gradients):
    """The weight after each step along the given gradients."""
    path = []
    for gradient in gradients:
        network.layers[0].gradients = {"F": np.array([[gradient]]), "B": np.zeros(1)}
        optimiser.step()
        path.append(network.parameters["0.F"].item())
    return path


def test_momentum_by_hand():
    network = one_weight(10.0)
    # v = 4, 2 + 2 = 4, 2 - 8 = -6; the weight moves by -v/2
    assert steps(network, nn.SGD(network, rate=0.5, momentum=0.5), [4.0, 2.0, -8.0]) == [8.0, 6.0, 9.0]


def test_adam_by_hand():
    network = one_weight(1.0)
    optimiser = nn.Adam(network, rate=0.5, decay=(0.5, 0.75), epsilon=1.0)
    # step 1: m^ = 2, v^ = 4, so 1 - 0.5 * 2 / (2 + 1)
    # step 2: m = 0.5 - 1 = -0.5 + ..., by the formulas with fractions
    m, v, x, expected = 0.0, 0.0, 1.0, []
    for k, g in enumerate([2.0, -2.0], 1):
        m, v = 0.5 * m + 0.5 * g, 0.75 * v + 0.25 * g * g
        x -= 0.5 * (m / (1 - 0.5**k)) / ((v / (1 - 0.75**k)) ** 0.5 + 1)
        expected.append(x)
    assert expected[0] == pytest.approx(1 - 1 / 3)
    assert steps(network, optimiser, [2.0, -2.0]) == pytest.approx(expected, rel=1e-14)


@given(N=st.integers(0, 40), size=st.integers(1, 9), seed=st.integers(0, 9))
def test_batches_hold_every_number_once(N, size, seed):
    found = nn.batches(N, size, rng=np.random.default_rng(seed))
    assert all(len(batch) == size for batch in found[:-1])
    assert sorted(np.concatenate([*found, np.zeros(0, int)])) == list(range(N))


# --- files ---


@pytest.fixture
def saved(tmp_path):
    network = every_layer(np.random.default_rng(10))
    network.save(tmp_path / "network.npz")
    return network, tmp_path / "network.npz"


def test_a_saved_network_comes_back(saved):
    network, path = saved
    other = every_layer(np.random.default_rng(11))
    kept = other.parameters
    other.load(path)
    for name, array in network.parameters.items():
        np.testing.assert_array_equal(other.parameters[name], array)
        assert other.parameters[name] is kept[name]  # optimisers hold on to these arrays
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def spoil(path, kind):
    arrays = dict(np.load(path))
    blob = path.read_bytes()
    if kind == "missing":
        del arrays["3.F"]
    elif kind == "unknown":
        arrays["9.F"] = np.zeros(3)
    elif kind == "shape":
        arrays["6.F"] = arrays["6.F"].T
    elif kind == "dtype":
        arrays["6.B"] = arrays["6.B"].astype(np.float32)
    elif kind == "byte order":
        arrays["0.B"] = arrays["0.B"].astype(">f8")
    elif kind == "objects":
        arrays["0.B"] = np.array([None, 1, 2], object)
    elif kind in MEMBERS:
        write_with(path, arrays, *MEMBERS[kind])
    if kind in ("missing", "unknown", "shape", "dtype", "byte order", "objects"):
        np.savez(path, **arrays)
    elif kind == "cut off":
        path.write_bytes(blob[: len(blob) // 2])
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "one array":
        with path.open("wb") as file:
            np.save(file, np.zeros(3))
    elif kind == "text":
        path.write_text("not a network")
    elif kind == "a flipped bit":  # inside the numbers of the last parameter
        middle = blob.rindex(np.load(path)["6.F"].tobytes()[:64]) + 20
        path.write_bytes(blob[:middle] + bytes([blob[middle] ^ 1]) + blob[middle + 1 :])


def write_with(path, arrays, found, put):
    """Write a file whose checksums are right, though the member of 0.B is not what `save` would write."""
    with zipfile.ZipFile(path, "w") as file:
        for name, array in arrays.items():
            content = io.BytesIO()
            np.save(content, array)
            blob = content.getvalue()
            file.writestr(f"{name}.npy", blob.replace(found, put.ljust(len(found))) if name == "0.B" else blob)


MEMBERS = {
    "a header that is not closed": (b"'shape': (3,)", b"'shape': ((3,"),
    "a header that asks for too much": (b"'shape': (3,), }" + b" " * 15, b"'shape': (999999999999999,), }"),
    "a member that is no array": (b"\x93NUMPY", b"NUMPY"),
}
FAULTS = {
    "a header that is not closed": "is not a readable .npz file: ",
    "a header that asks for too much": "is not a readable .npz file: ",
    "a member that is no array": "is not a readable .npz file: 0.B is no array",
    "missing": r"does not fit this network: it lacks parameters \['3.F'\]",
    "unknown": r"does not fit this network: it has the unknown parameters \['9.F'\]",
    "shape": r"does not fit this network: 6.F has shape \(56, 6\), here it is \(6, 56\)",
    "dtype": "does not fit this network: 6.B has dtype float32, here it is float64",
    "byte order": "does not fit this network: 0.B has dtype >f8, here it is float64",
    "objects": "is not a readable .npz file: Object arrays cannot be loaded",
    "cut off": "is not a readable .npz file: File is not a zip file",
    "empty": "is not a readable .npz file: No data left in file",
    "one array": "is not a readable .npz file: it holds one array",
    "text": "is not a readable .npz file: ",
    "a flipped bit": "is not a readable .npz file: Bad CRC-32 for file '6.F.npy'",
}


@pytest.mark.parametrize("kind", FAULTS)
def test_a_wrong_file_is_refused_and_changes_nothing(saved, kind):
    _, path = saved
    other = every_layer(np.random.default_rng(11))
    before = {name: array.copy() for name, array in other.parameters.items()}
    spoil(path, kind)
    with pytest.raises(ValueError, match=FAULTS[kind]):
        other.load(path)
    for name, array in other.parameters.items():
        np.testing.assert_array_equal(array, before[name])


def damaged(blob, rng):
    """Every beginning of a file, and the file with one bit turned in every byte."""
    for i in range(len(blob)):
        yield blob[:i]
        yield blob[:i] + bytes([blob[i] ^ 1 << rng.integers(8)]) + blob[i + 1 :]


def test_no_damage_gets_through(tmp_path):
    """What a damaged file gives is an error of the promised kind, or, if only dates and the like are hit, the truth."""
    rng, path, refused = np.random.default_rng(0), tmp_path / "network.npz", 0
    saved, other = (nn.Sequential(nn.Linear(2, 3, rng=rng)) for _ in range(2))
    saved.save(path)
    before = {name: array.copy() for name, array in other.parameters.items()}
    for blob in damaged(path.read_bytes(), rng):
        path.write_bytes(blob)
        try:
            other.load(path)
            expected, message = saved.parameters, str(path)
        except ValueError as error:
            expected, message, refused = before, str(error), refused + 1
        assert message.startswith(str(path))
        for name, array in other.parameters.items():
            np.testing.assert_array_equal(array, expected[name])
            array[...] = before[name]
    assert refused > len(blob)  # every beginning and some bits


def test_a_missing_file_says_so(tmp_path):
    with pytest.raises(FileNotFoundError):
        every_layer(np.random.default_rng(0)).load(tmp_path / "nothing.npz")


def test_a_failed_save_keeps_the_old_file(saved, monkeypatch):
    network, path = saved
    before = path.read_bytes()

    def half(file, **arrays):
        file.write(before[:50])
        raise OSError("the disk is full")

    monkeypatch.setattr(np, "savez", half)
    with pytest.raises(OSError, match="the disk is full"):
        network.save(path)
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_folder_is_no_file(saved):
    network, path = saved
    shutil.rmtree(path.parent)
    with pytest.raises(FileNotFoundError):
        network.save(path)


# --- wrong calls ---

RNG = np.random.default_rng(0)
LINEAR, RELU = nn.Linear(3, 2, rng=RNG, dtype=np.float64), nn.ReLU()
CONV = nn.Conv2d(2, 4, 1, rng=RNG, dtype=np.float64)


def fresh():
    """A network that has seen nothing."""
    return nn.Sequential(nn.Linear(3, 2, rng=RNG, dtype=np.float64))


def begin(**wrong):
    """Call `train`; no epoch is asked for, so whatever is wrong must be said at once."""
    good = {"network": fresh(), "I": np.ones((3, 3)), "t": [0, 1, 0], "rng": RNG}
    return nn.train(**good | wrong)


WRONG = [
    (lambda: nn.Linear(0, 2, rng=RNG), ValueError, "C_in must be at least 1, got 0"),
    (lambda: nn.Linear(3, 2.0, rng=RNG), TypeError, "C_out must be an integer, got float"),
    (lambda: nn.Linear(3, 2, rng=0), TypeError, "rng must be a numpy.random.Generator, got int: 0"),
    (lambda: nn.Linear(3, 2, rng=RNG, dtype=np.int64), TypeError, "dtype must be float32 or float64"),
    (lambda: nn.he_normal((3,), 0, rng=RNG), ValueError, "fan_in must be at least 1, got 0"),
    (lambda: nn.Conv2d(1, 0, 3, rng=RNG), ValueError, "C_out must be at least 1, got 0"),
    (lambda: nn.Conv2d(1, 2, (3,), rng=RNG), ValueError, r"kernel_size must be an integer or \(height, width\)"),
    (lambda: LINEAR.forward(np.zeros((2, 4))), ValueError, r"I must have the shape \(N, C_in\) = \(2, 3\)"),
    (lambda: LINEAR.forward(np.zeros((2, 3), np.float32)), TypeError, "I must have the dtype of F, float64"),
    (lambda: LINEAR.forward([[1.0, 2.0, 3.0]]), TypeError, "I must be a NumPy array"),
    (lambda: nn.Linear(3, 2, rng=RNG).backward(np.zeros((1, 2))), RuntimeError, "Linear.backward needs a forward"),
    (lambda: nn.ReLU().backward(np.zeros(3)), RuntimeError, "ReLU.backward needs a forward pass before it"),
    (lambda: nn.SoftmaxCrossEntropy().backward(), RuntimeError, "needs a forward pass before it"),
    (lambda: nn.Flatten().forward(np.zeros(3)), ValueError, r"I must have the axes \(N, ...\)"),
    (lambda: nn.Sequential(), ValueError, "at least one layer"),
    (lambda: nn.Flatten().forward([[1.0]]), TypeError, r"I must be a NumPy array, got list: \[\[1.0\]\]"),
    (lambda: nn.ReLU().forward([1.0]), TypeError, r"I must be a NumPy array, got list: \[1.0\]"),
    (lambda: nn.ReLU().forward(np.zeros(3, complex)), TypeError, "I must hold float32 or float64, got complex128"),
    (lambda: nn.ReLU().forward(np.zeros(3, int)), TypeError, "I must hold float32 or float64, got int64"),
    (lambda: nn.ReLU().forward(np.ma.ones(3)), TypeError, "I must be a NumPy array, got MaskedArray"),
    (lambda: nn.Sequential(nn.ReLU(), np.tanh), TypeError, "layers must be layers, got ufunc"),
    (lambda: nn.Sequential(LINEAR, RELU, RELU), ValueError, r"layers\[1\] and layers\[2\] are the same ReLU"),
    (lambda: nn.SGD(one_weight(1), rate=0), ValueError, "rate must be greater than 0, got 0"),
    (lambda: nn.SGD(one_weight(1), rate="0.1"), TypeError, "rate must be a number, got str: '0.1'"),
    (lambda: nn.SGD(one_weight(1), rate=True), TypeError, "rate must be a number, got bool: True"),
    (lambda: nn.SGD(LINEAR, rate=1), TypeError, "network must be a Sequential, got Linear"),
    (lambda: nn.Adam(None), TypeError, "network must be a Sequential, got NoneType: None"),
    (lambda: nn.Adam(one_weight(1), decay=(0.9,)), ValueError, r"decay must be a pair of numbers, got \(0.9,\)"),
    (lambda: nn.Adam(one_weight(1), decay=0.9), ValueError, "decay must be a pair of numbers, got 0.9"),
    (
        lambda: nn.SGD(fresh(), rate=1).step(),
        RuntimeError,
        r"SGD.step needs a backward pass .* no gradients of \['0.B'",
    ),
    (lambda: nn.Adam(fresh()).step(), RuntimeError, "Adam.step needs a backward pass before it"),
    (lambda: nn.SGD(one_weight(1), rate=1, momentum=1), ValueError, "momentum must be at least 0 and below 1, got 1"),
    (lambda: nn.Adam(one_weight(1), decay=(0.9, -1)), ValueError, r"decay\[1\] must be at least 0 and below 1"),
    (lambda: nn.Adam(one_weight(1), epsilon=float("nan")), ValueError, "epsilon must be greater than 0, got nan"),
    (lambda: nn.batches(3, 0, rng=RNG), ValueError, "size must be at least 1, got 0"),
    (lambda: nn.batches(3, 2, rng=None), TypeError, "rng must be a numpy.random.Generator, got NoneType: None"),
    (lambda: begin(epochs=0), ValueError, "epochs must be at least 1, got 0"),
    (lambda: begin(size=0), ValueError, "size must be at least 1, got 0"),
    (lambda: begin(rate=-1), ValueError, "rate must be greater than 0, got -1"),
    (lambda: begin(rng=7), TypeError, "rng must be a numpy.random.Generator, got int: 7"),
    (lambda: begin(t=[0] * 7), ValueError, r"t must have the shape \(N\) = \(3,\), got t.shape=\(7,\)"),
    (lambda: begin(I=np.zeros((0, 3)), t=[]), ValueError, r"at least one picture, got I.shape=\(0, 3\)"),
    (lambda: begin(I=[[1.0]] * 3), TypeError, "I must be a NumPy array, got list"),
    (lambda: begin(network=LINEAR), TypeError, "network must be a Sequential, got Linear"),
]


@pytest.mark.parametrize(("call", "error", "message"), WRONG, ids=[message for *_, message in WRONG])
def test_a_wrong_call_says_what_is_wrong(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize(
    ("O", "t", "error", "message"),
    [
        (np.zeros((2, 3)), np.array([0, 3]), ValueError, "t must lie between 0 and C - 1 = 2, got 0 to 3"),
        (np.zeros((2, 3)), np.array([-1, 2]), ValueError, "t must lie between 0 and C - 1 = 2, got -1 to 2"),
        (np.zeros((2, 3)), np.array([0]), ValueError, r"t must have the shape \(N\) = \(2,\)"),
        (np.zeros((2, 3)), np.array([0.0, 1.0]), TypeError, "t must hold integers, got float64"),
        (np.zeros((2, 3), int), np.array([0, 1]), TypeError, "O must hold floats, got int64"),
        (np.zeros((0, 3)), np.zeros(0, int), ValueError, "at least one picture and one class"),
        (np.zeros(3), np.array([0]), ValueError, r"O must have the axes \(N, C\)"),
    ],
)
def test_the_loss_refuses_what_it_cannot_judge(O, t, error, message):
    with pytest.raises(error, match=message):
        nn.SoftmaxCrossEntropy().forward(O, t)


@pytest.mark.parametrize(
    ("layer", "I", "G", "error", "message"),
    [
        (nn.ReLU(), np.zeros((2, 3)), np.zeros((2, 4)), ValueError, r"G must have the shape of I, \(2, 3\)"),
        (nn.ReLU(), np.zeros(3), np.zeros(3, np.float32), TypeError, "G must have the dtype of I, float64"),
        (nn.Flatten(), np.zeros((2, 3, 4)), np.zeros((2, 11)), ValueError, r"= \(2, 12\), got G.shape=\(2, 11\)"),
        (LINEAR, np.zeros((2, 3)), np.zeros((2, 3)), ValueError, r"G must have the shape \(N, C_out\) = \(2, 2\)"),
        (LINEAR, np.zeros((2, 3)), np.zeros((2, 2), int), TypeError, "G must have the dtype of I, float64"),
        (nn.MaxPool2d(2), np.zeros((1, 1, 4, 4)), np.zeros((1, 1, 4, 4)), ValueError, "G must have the shape"),
        (nn.AvgPool2d(2), np.zeros((1, 1, 4, 4)), np.zeros((1, 1, 4, 4)), ValueError, "G must have the shape"),
        (nn.ReLU(), np.zeros(3), [0.0, 0.0, 0.0], TypeError, "G must be a NumPy array, got list"),
        (
            nn.Flatten(),
            np.zeros((2, 3)),
            np.zeros((2, 3), np.float32),
            TypeError,
            "G must have the dtype of I, float64",
        ),
        (CONV, np.zeros((1, 2, 3, 3)), np.zeros((1, 1, 3, 3)), ValueError, "G must have"),
        (CONV, np.zeros((1, 2, 3, 3)), np.zeros((1, 5, 3, 3)), ValueError, "G must have"),
        (CONV, np.zeros((1, 2, 3, 3)), np.zeros((1, 4, 3, 2)), ValueError, "G must have"),
    ],
)
def test_a_wrong_upstream_gradient_is_refused(layer, I, G, error, message):
    layer.forward(I)
    ways = [layer.backward] + [layer.grad_parameters] * bool(layer.parameters)
    for way in ways:
        with pytest.raises(error, match=message):
            way(G)
