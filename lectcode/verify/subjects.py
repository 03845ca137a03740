"""What is compared with the printed formulas: the library's functions and the independent definitions.

A label says to which layer a formula belongs: `conv..`, `pool..`, `avg-pool..`, `max-pool..`, `linear..`, `relu..`,
`softmax..`; its left-hand side says
which quantity it is. Both together select the functions here. Each gets the numbers under the names they have on the
page and returns an array of the quantity's shape there. Geometry is read off the names of the sizes: S or S_h and
S_w; P, or P_h and P_w, or one for each side as in `letters`; D or D_h and D_w; K or K_h and K_w. Tensors with an
axis of groups (block index) are flattened for the call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

import lectcode
from lectcode import nn, reference
from lectcode.kernels import ALGORITHMS
from lectcode.verify.letters import OUTPUT_SIZES, along, padding, pads, pair
from lectcode.verify.windowfunctions import jitted, pooling_derivative, pooling_function

Numbers = dict[str, int]
Arrays = Mapping[str, np.ndarray]
FAMILIES = (  # the longer ones first
    "max-pool",
    "avg-pool-border",
    "avg-pool",
    "pool",
    "conv",
    "receptive-field",
    "linear",
    "relu",
    "softmax",
)


@dataclass(frozen=True)
class Subject:
    """A function under test, or a definition to compare with."""

    name: str
    family: str
    quantity: str
    call: Callable[[Numbers, Arrays], np.ndarray]
    independent: bool = False  # a definition of lectcode.reference: slow, so it is run on fewer shapes


def family(label: str | None) -> str | None:
    """The layer that a label names by how it begins."""
    return next((f for f in FAMILIES if label and label.startswith(f)), None)


def subjects(label: str | None, quantity: str) -> list[Subject]:
    """Everything that computes this quantity of this layer."""
    layer = family(label)
    if quantity == "I_pad" and layer:
        layer = "conv"
    if quantity in OUTPUT_SIZES:
        return [s for s in _ALL if s.quantity == quantity] if layer else []
    return [s for s in _ALL if s.family == layer and s.quantity == quantity]


def _geometry(sizes: Numbers) -> dict:
    return {"stride": pair(sizes, "S", 1), "dilation": pair(sizes, "D", 1), "padding": padding(sizes)}


def _flat(array: np.ndarray, axis: int, axes: int) -> np.ndarray:
    """Merge the axis of groups with the one behind it."""
    if array.ndim == axes:
        return np.ascontiguousarray(array)
    shape = array.shape
    return np.ascontiguousarray(array).reshape(*shape[:axis], shape[axis] * shape[axis + 1], *shape[axis + 2 :])


def _conv(arrays: Arrays, sizes: Numbers, names: str):
    """The named tensors as the library takes them, the geometry, and a function that restores the axis of groups.

    A picture without batch and channels gets both; an axis of groups is merged with the one behind it.
    """
    first = arrays["I" if "I" in names else "G"]
    grouped = first.ndim == 5
    groups = first.shape[1] if grouped else 1
    flat = {}
    for name in names:
        if name == "F":
            flat[name] = _flat(arrays[name], 0, 4)
        elif name == "B":
            flat[name] = _flat(arrays[name], 0, 1) if name in arrays else None
        else:
            flat[name] = _flat(_planes(arrays[name]), 1, 4)

    def restore(out: np.ndarray, axis: int) -> np.ndarray:
        if first.ndim == 2:
            return out[0, 0]
        if not grouped:
            return out
        return out.reshape(*out.shape[:axis], groups, out.shape[axis] // groups, *out.shape[axis + 1 :])

    return flat, {**_geometry(sizes), "groups": groups}, restore


def _planes(array: np.ndarray) -> np.ndarray:
    """With batch and channels in front where the page leaves them out."""
    return array[None, None] if array.ndim == 2 else array


def _conv_forward(function, **options):
    def call(sizes, arrays):
        a, geometry, restore = _conv(arrays, sizes, "IFB")
        return restore(function(a["I"], a["F"], a["B"], **geometry, **options), 1)

    return call


def _conv_bias(function):
    def call(sizes, arrays):
        a, _, restore = _conv(arrays, sizes, "G")
        return restore(function(a["G"]), 0)

    return call


def _conv_filters(function, **options):
    def call(sizes, arrays):
        a, geometry, restore = _conv(arrays, sizes, "IG")
        return restore(function(a["G"], a["I"], pair(sizes, "K"), **geometry, **options), 0)

    return call


def _conv_input(function, **options):
    def call(sizes, arrays):
        a, geometry, restore = _conv(arrays, sizes, "GF")
        return restore(function(a["G"], a["F"], (sizes["H"], sizes["W"]), **geometry, **options), 1)

    return call


def _conv_padded_input(function, **options):
    """The gradient of the padded input is the gradient of an input of that size without padding."""

    def call(sizes, arrays):
        a, geometry, restore = _conv(arrays, sizes, "GF")
        (top, bottom), (left, right) = geometry.pop("padding")
        size = (top + sizes["H"] + bottom, left + sizes["W"] + right)
        return restore(function(a["G"], a["F"], size, **geometry, **options), 1)

    return call


def _pad(sizes, arrays):
    a, geometry, restore = _conv(arrays, sizes, "I")
    return restore(reference.pad(a["I"], geometry["padding"]), 1)


def _size(function, axis: int):
    def call(sizes, arrays):
        K, S, D = along(sizes, "K", axis), along(sizes, "S", axis, 1), along(sizes, "D", axis, 1)
        return np.asarray(function(sizes["HW"[axis]], K, stride=S, padding=pads(sizes, axis), dilation=D))

    return call


def _pool(function, *more, backward: bool = False, compiled: bool = False, **options):
    def call(sizes, arrays):
        extra = [jitted(f) if compiled else f for f in more]
        names = ("G", "I") if backward else ("I",)
        given = [np.ascontiguousarray(_planes(arrays[n])) for n in names]
        where = {} if more else {"padding": padding(sizes)}
        if not more and pair(sizes, "D", 1) != (1, 1):
            where["dilation"] = pair(sizes, "D")
        out = function(*given, *extra, pair(sizes, "K"), pair(sizes, "S"), **where, **options)
        return out[0, 0] if arrays["I"].ndim == 2 else out

    return call


def _field(number: int):
    def call(sizes, arrays):
        k, s, d, p = ([int(x) for x in arrays[name]] for name in "ksdp")
        return np.array(reference.receptive_field(k, s, d, p)[number])

    return call


def _linear(gradient: str | None):
    """The layer of `nn` with the page's numbers in it: its output, or one of its gradients."""

    def call(sizes, arrays):
        F = arrays["F"]
        layer = nn.Linear(F.shape[1], F.shape[0], rng=np.random.default_rng(0), dtype=np.float64)
        B = arrays["B"] if gradient is None else np.zeros(len(F))
        layer.parameters = {"F": F, "B": B}
        O = layer.forward(arrays["I"])
        if gradient is None:
            return O
        dI = layer.backward(arrays["G"])
        return dI if gradient == "I" else layer.gradients[gradient]

    return call


def _relu(backward: bool):
    def call(sizes, arrays):
        layer = nn.ReLU()
        O = layer.forward(arrays["I"])
        return layer.backward(arrays["G"]) if backward else O

    return call


def _softmax(function):
    """A function of the scores and the right classes."""

    def call(sizes, arrays):
        return np.asarray(function(arrays["O"], arrays["t"].astype(np.int64)))

    return call


def _loss_gradient(O, t):
    loss = nn.SoftmaxCrossEntropy()
    loss.forward(O, t)
    return loss.backward()


def _network_subjects() -> list[Subject]:
    """The layers that only whole networks need."""

    def backward(number: int):
        return lambda sizes, arrays: reference.linear_backward(arrays["G"], arrays["I"], arrays["F"])[number]

    found = [
        Subject("nn.Linear", "linear", "O", _linear(None)),
        Subject(
            "reference.linear", "linear", "O", lambda s, a: reference.linear(a["I"], a["F"], a["B"]), independent=True
        ),
    ]
    for number, name in enumerate("IFB"):
        found.append(Subject("nn.Linear", "linear", f"∂{name}", _linear(name)))
        found.append(Subject("reference.linear_backward", "linear", f"∂{name}", backward(number), independent=True))
    return [
        *found,
        Subject("nn.ReLU", "relu", "O", _relu(False)),
        Subject("nn.ReLU", "relu", "∂I", _relu(True)),
        Subject("reference.relu", "relu", "O", lambda s, a: reference.relu(a["I"]), independent=True),
        Subject("reference.relu_backward", "relu", "∂I", lambda s, a: reference.relu_backward(a["G"], a["I"]), True),
        Subject("nn.SoftmaxCrossEntropy", "softmax", "L", _softmax(nn.SoftmaxCrossEntropy().forward)),
        Subject("nn.SoftmaxCrossEntropy", "softmax", "∂O", _softmax(_loss_gradient)),
        Subject("reference.softmax", "softmax", "Y", _softmax(lambda O, t: reference.softmax(O)), independent=True),
        Subject("reference.softmax_cross_entropy", "softmax", "L", _softmax(reference.softmax_cross_entropy), True),
        Subject(
            "reference.softmax_cross_entropy_backward",
            "softmax",
            "∂O",
            _softmax(reference.softmax_cross_entropy_backward),
            True,
        ),
    ]


def fits(layer: str | None, sizes: Numbers) -> bool:
    """Does the library accept these sizes? Every window of a padded pooling has to meet the input."""
    if layer in ("max-pool", "avg-pool", "avg-pool-border"):
        return all(_every_window_meets_the_input(sizes, axis) for axis in (0, 1))
    return True


def _every_window_meets_the_input(sizes: Numbers, axis: int) -> bool:
    K, S, D = along(sizes, "K", axis), along(sizes, "S", axis, 1), along(sizes, "D", axis, 1)
    before, after = pads(sizes, axis)
    count = sizes.get(OUTPUT_SIZES[axis], 0)  # a page may leave the number of windows unnamed
    inside = (reference.taps(sizes["HW"[axis]], h, K, S, before, D) for h in range(count))
    return max(before, after) < (K - 1) * D + 1 and all(inside)


def _subjects() -> list[Subject]:
    found = [
        Subject("reference.conv2d", "conv", "O", _conv_forward(reference.conv2d), True),
        Subject("reference.pad", "conv", "I_pad", _pad, True),
        Subject("reference.conv2d_grad_bias", "conv", "∂B", _conv_bias(reference.conv2d_grad_bias), True),
        Subject("reference.conv2d_grad_filters", "conv", "∂F", _conv_filters(reference.conv2d_grad_filters), True),
        Subject("reference.conv2d_grad_input", "conv", "∂I", _conv_input(reference.conv2d_grad_input), True),
        Subject(
            "reference.conv2d_grad_padded_input",
            "conv",
            "∂I_pad",
            _conv_padded_input(reference.conv2d_grad_padded_input),
            True,
        ),
        Subject("conv2d_grad_bias", "conv", "∂B", _conv_bias(lectcode.conv2d_grad_bias)),
    ]
    # Formulas run on whole numbers and any geometry, which an algorithm with a `magnitude` does not take: see tests.
    for name in (name for name, algorithm in ALGORITHMS.items() if algorithm.magnitude is None):
        options = {"algorithm": name}
        found += [
            Subject(f"conv2d ({name})", "conv", "O", _conv_forward(lectcode.conv2d, **options)),
            Subject(
                f"conv2d_grad_filters ({name})", "conv", "∂F", _conv_filters(lectcode.conv2d_grad_filters, **options)
            ),
            Subject(f"conv2d_grad_input ({name})", "conv", "∂I", _conv_input(lectcode.conv2d_grad_input, **options)),
            Subject(
                f"conv2d_grad_input ({name})",
                "conv",
                "∂I_pad",
                _conv_padded_input(lectcode.conv2d_grad_input, **options),
            ),
        ]
    for layer, stem, options in (
        ("pool", "pool2d", {}),
        ("avg-pool", "avg_pool2d", {}),
        ("avg-pool-border", "avg_pool2d", {"count_include_pad": False}),
        ("max-pool", "max_pool2d", {}),
    ):
        f, df = ((pooling_function,), (pooling_derivative,)) if layer == "pool" else ((), ())
        for module, independent in ((reference, True), (lectcode, False)):
            compiled = layer == "pool" and not independent
            name = f"reference.{stem}" if independent else stem
            forward, backward = getattr(module, stem), getattr(module, f"{stem}_backward")
            call_forward = _pool(forward, *f, compiled=compiled, **options)
            call_backward = _pool(backward, *df, backward=True, compiled=compiled, **options)
            found += [
                Subject(name, layer, "O", call_forward, independent),
                Subject(f"{name}_backward", layer, "∂I", call_backward, independent),
            ]
    for number, quantity in enumerate("rea"):
        found.append(Subject("reference.receptive_field", "receptive-field", quantity, _field(number), True))
    found += _network_subjects()
    for axis, quantity in enumerate(OUTPUT_SIZES):
        found += [
            Subject("reference.output_size", "", quantity, _size(reference.output_size, axis), True),
            Subject("output_size", "", quantity, _size(lectcode.output_size, axis)),
        ]
    return found


_ALL = _subjects()


def argmax_of_windows(sizes: Numbers, arrays: Arrays) -> tuple[np.ndarray, np.ndarray]:
    """Row and column, inside each window, of its first largest value in row-major order."""
    I = arrays["I"]
    (K_h, K_w), (S_h, S_w) = pair(sizes, "K"), pair(sizes, "S")
    rows = np.zeros((*I.shape[:2], sizes["H_out"], sizes["W_out"]), np.int64)
    columns = np.zeros_like(rows)
    for n, c, h, w in np.ndindex(rows.shape):
        window = I[n, c, h * S_h : h * S_h + K_h, w * S_w : w * S_w + K_w]
        rows[n, c, h, w], columns[n, c, h, w] = divmod(int(window.argmax()), K_w)
    return rows, columns


def argmax_in_input(sizes: Numbers, arrays: Arrays) -> tuple[np.ndarray, np.ndarray]:
    """Row and column, in the input, of the first largest value of each window; what lies in the padding is no value."""
    I = arrays["I"]
    H_out, W_out, positions = reference.windows(
        I, pair(sizes, "K"), pair(sizes, "S"), padding(sizes), pair(sizes, "D", 1), False
    )
    rows = np.zeros((*I.shape[:2], H_out, W_out), np.int64)
    columns = np.zeros_like(rows)
    for n, c, h, w in np.ndindex(rows.shape):
        rows[n, c, h, w], columns[n, c, h, w] = max(positions(h, w), key=lambda place: I[n, c][place])
    return rows, columns


def positions_in_input(sizes: Numbers, arrays: Arrays) -> np.ndarray:
    """How many positions of each window lie in the input and not in the padding."""
    M = np.zeros((sizes["H_out"], sizes["W_out"]), np.int64)
    for at in np.ndindex(M.shape):
        counts = [
            reference.divisor(
                sizes["HW"[a]],
                at[a],
                along(sizes, "K", a),
                along(sizes, "S", a),
                pads(sizes, a),
                count_include_pad=False,
            )
            for a in (0, 1)
        ]
        M[at] = counts[0] * counts[1]
    return M


# Tensors of the page that are not free: the positions of maxima, and the divisors of averages at the border.
GIVEN: dict[tuple[str, str], Callable[[Numbers, Arrays], np.ndarray]] = {
    ("max-pool", "A_h"): lambda sizes, arrays: argmax_of_windows(sizes, arrays)[0],
    ("max-pool", "A_w"): lambda sizes, arrays: argmax_of_windows(sizes, arrays)[1],
    ("max-pool", "U"): lambda sizes, arrays: argmax_in_input(sizes, arrays)[0],
    ("max-pool", "V"): lambda sizes, arrays: argmax_in_input(sizes, arrays)[1],
    ("avg-pool-border", "M"): positions_in_input,
}
