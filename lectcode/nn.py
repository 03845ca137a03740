"""One whole CNN: layers, a loss, two optimisers, and a file for what was learned. No autograd.

Every layer has `forward(I)`, which returns O and keeps what the way back needs, and `backward(G)`, which writes the
gradients of the layer's parameters into `gradients` and returns dI. Both are the book's formulas, computed by
lectcode's functions. `parameters` and `gradients` are dictionaries with the same names and shapes. A gradient is that
of the last call: nothing is added up over calls. What is kept is not copied, so do not write into I or O before
`backward`: the O of a layer is the I of the next. A layer keeps one pass, so it can stand in one place only.

Floats may be float32 or float64 and are never mixed; every layer computes in the dtype that it is given.
"""

import io
import os
import tokenize
import zipfile
import zlib
from math import cos, pi
from pathlib import Path

import numpy as np

from lectcode import shapes
from lectcode.conv import conv2d, conv2d_backward, conv2d_grad_bias, conv2d_grad_filters
from lectcode.pool import avg_pool2d, avg_pool2d_backward, max_pool2d, max_pool2d_backward

QUIET = 2**18  # of OpenBLAS, which NumPy brings along


def he_normal(shape, fan_in, *, rng, dtype=np.float32):
    """Draw the initial weights of a layer that a ReLU follows.

    ::

        F ~ normal, mean 0, variance 2 / fan_in

    so that the mean square of what reaches the next layer stays the same from layer to layer.

    Parameters
    ----------
    shape : tuple of int
        The shape wanted.
    fan_in : int
        How many products one output adds up: C_in K_h K_w for filters, C_in for a linear layer. At least 1.
    rng : numpy.random.Generator
        The source of the numbers. They are drawn in float64 and rounded, so both dtypes start at the same point.
    dtype : float32 or float64
        The dtype wanted.

    Returns
    -------
    F : array of that shape and dtype

    Raises
    ------
    TypeError, ValueError
        If fan_in, rng or dtype is not of that kind.

    Notes
    -----
    Derived in chapters/train-digits.md. Source: K. He, X. Zhang, S. Ren and J. Sun, "Delving deep into rectifiers",
    ICCV 2015, arXiv:1502.01852, equation 10.

    Examples
    --------
    >>> F = he_normal((200, 8, 3, 3), 72, rng=np.random.default_rng(0))
    >>> F.dtype, round(float(F.var() * 72), 1)
    (dtype('float32'), 2.0)
    """
    fan_in = shapes.integer("fan_in", fan_in, 1)
    shapes.generator(rng)
    if np.dtype(dtype) not in shapes.FLOATS:
        raise TypeError(f"dtype must be float32 or float64, got {dtype!r}")
    return (rng.standard_normal(shape) * np.sqrt(2 / fan_in)).astype(dtype)


class Layer:
    """What all layers share: parameters and their gradients by name, and what `forward` keeps for `backward`."""

    def __init__(self):
        self.parameters, self.gradients, self._kept = {}, {}, None

    def _recall(self):
        """Return what forward kept."""
        if self._kept is None:
            raise RuntimeError(f"{type(self).__name__}.backward needs a forward pass before it")
        return self._kept

    def grad_parameters(self, G):
        """Write `gradients` only; the first layer of a network needs no dI. A layer without parameters does nothing."""


class Conv2d(Layer):
    """The convolution layer.

    ::

        forward   O  = conv2d(I, F, B)
        backward  dF, dB, dI as in conv2d_backward

    Parameters
    ----------
    C_in, C_out : int
        Channels of I and of O, at least 1.
    kernel_size : int or (height, width)
        K_h and K_w.
    stride, padding
        As in `lectcode.conv2d`, which is called with algorithm="auto": in float32 whole numbers may be rounded.
    rng : numpy.random.Generator
        Draws F, (C_out, C_in, K_h, K_w), by `he_normal` with fan_in = C_in K_h K_w. The biases B, (C_out,), are 0.
    dtype : float32 or float64
        Of F and B, and so of I, (N, C_in, H, W), and G, (N, C_out, H_out, W_out).

    Raises
    ------
    TypeError, ValueError
        As `lectcode.conv2d`; here or in `forward`, whichever sees it first.

    Notes
    -----
    Derived in chapters/conv-forward.md, chapters/conv-gradients.md and chapters/conv-gradient-input.md.

    Examples
    --------
    >>> layer = Conv2d(1, 4, 3, padding=1, rng=np.random.default_rng(0))
    >>> O = layer.forward(np.ones((2, 1, 8, 8), np.float32))
    >>> dI = layer.backward(O)
    >>> O.shape, dI.shape, layer.gradients["F"].shape
    ((2, 4, 8, 8), (2, 1, 8, 8), (4, 1, 3, 3))
    """

    def __init__(self, C_in, C_out, kernel_size, *, stride=1, padding=0, rng, dtype=np.float32):
        super().__init__()
        C_in, C_out = shapes.integer("C_in", C_in, 1), shapes.integer("C_out", C_out, 1)
        K_h, K_w = shapes.pair("kernel_size", kernel_size, 1)
        F = he_normal((C_out, C_in, K_h, K_w), C_in * K_h * K_w, rng=rng, dtype=dtype)
        self.parameters = {"F": F, "B": np.zeros(C_out, dtype)}
        self.geometry = {"stride": stride, "padding": padding}

    def forward(self, I):
        """Return O."""
        O = conv2d(I, self.parameters["F"], self.parameters["B"], **self.geometry)
        self._kept = I
        return O

    def backward(self, G):
        """Write the gradients of F and B; return dI."""
        dI, dF, dB = conv2d_backward(G, self._recall(), self.parameters["F"], **self.geometry)
        self.gradients = {"F": dF, "B": dB}
        return dI

    def grad_parameters(self, G):
        """Write the gradients of F and B."""
        I, F = self._recall(), self.parameters["F"]
        G = shapes.array("G", G, "N, C_out, H_out, W_out")
        shapes.check_shape("G", G.shape, "N, C_out, H_out, W_out", (len(I), len(F), *G.shape[2:]))
        dF = conv2d_grad_filters(G, I, F.shape[2:], **self.geometry)
        self.gradients = {"F": dF, "B": conv2d_grad_bias(G)}


class Linear(Layer):
    """The linear layer: a convolution of pictures of one pixel.

    ::

        forward   O[n,c_out]      = sum_{c_in} F[c_out,c_in] I[n,c_in] + B[c_out]
        backward  dF[c_out,c_in]  = sum_n G[n,c_out] I[n,c_in]
                  dB[c_out]       = sum_n G[n,c_out]
                  dI[n,c_in]      = sum_{c_out} G[n,c_out] F[c_out,c_in]

    Parameters
    ----------
    C_in, C_out : int
        Numbers that come in and go out for each picture, at least 1.
    rng : numpy.random.Generator
        Draws F, (C_out, C_in), by `he_normal` with fan_in = C_in. The biases B, (C_out,), are 0.
    dtype : float32 or float64
        Of F and B, and so of I, (N, C_in), and G, (N, C_out).

    Raises
    ------
    TypeError, ValueError
        If a number, a shape or a dtype does not fit; from `forward` and `backward` as well.

    Notes
    -----
    Derived in chapters/train-digits.md. The products are BLAS's, whose last bits may depend on its number of threads.

    Examples
    --------
    >>> layer = Linear(3, 2, rng=np.random.default_rng(0), dtype=np.float64)
    >>> layer.parameters["F"][...] = [[1, 2, 3], [0, 1, 0]]
    >>> layer.forward(np.array([[1.0, 0.0, 1.0]]))
    array([[4., 0.]])
    >>> layer.backward(np.array([[1.0, 10.0]]))
    array([[ 1., 12.,  3.]])
    """

    def __init__(self, C_in, C_out, *, rng, dtype=np.float32):
        super().__init__()
        C_in, C_out = shapes.integer("C_in", C_in, 1), shapes.integer("C_out", C_out, 1)
        self.parameters = {"F": he_normal((C_out, C_in), C_in, rng=rng, dtype=dtype), "B": np.zeros(C_out, dtype)}

    def forward(self, I):
        """Return O."""
        F, B = self.parameters["F"], self.parameters["B"]
        I = shapes.array("I", I, "N, C_in")
        shapes.check_dtypes(F=F.dtype, I=I.dtype)
        shapes.check_shape("I", I.shape, "N, C_in", (len(I), F.shape[1]))
        self._kept = I
        return _product(I, F.T) + B

    def backward(self, G):
        """Write the gradients of F and B; return dI."""
        self.grad_parameters(G)
        return _product(np.asarray(G), self.parameters["F"])

    def grad_parameters(self, G):
        """Write the gradients of F and B."""
        I, F = self._recall(), self.parameters["F"]
        G = shapes.array("G", G, "N, C_out")
        shapes.check_dtypes(I=I.dtype, G=G.dtype)
        shapes.check_shape("G", G.shape, "N, C_out", (len(I), len(F)))
        self.gradients = {"F": _product(G.T, I), "B": G.sum(axis=0)}


def _product(A, B):
    """Return A B. BLAS starts threads for more than QUIET multiply-adds, and they spin on when kernels want the cores.

    So a product of a few times that size is computed in quiet parts; a larger one is worth the threads.
    """
    parts = -(-A.size * B.shape[1] // QUIET)
    return np.concatenate([rows @ B for rows in np.array_split(A, parts)]) if 1 < parts <= 16 else A @ B


class ReLU(Layer):
    """The rectifier.

    ::

        forward   O = max(I, 0)
        backward  dI = G [I > 0]

    At I = 0 there is no derivative; here, as in most libraries, it is 0 there. I and G have any shape, the same one.

    Raises
    ------
    TypeError, ValueError
        If I is no array of floats, or G has not the dtype or the shape of I.

    Notes
    -----
    Derived in chapters/train-digits.md.

    Examples
    --------
    >>> layer = ReLU()
    >>> layer.forward(np.array([-2.0, 0.0, 3.0]))
    array([0., 0., 3.])
    >>> layer.backward(np.array([5.0, 5.0, 5.0]))
    array([0., 0., 5.])
    """

    def forward(self, I):
        """Return O."""
        I = shapes.floats("I", I)
        O = np.maximum(I, np.zeros(I.shape[1:], I.dtype))  # twice as fast as with a single 0
        self._kept = O > 0, O.dtype
        return O

    def backward(self, G):
        """Return dI."""
        (passes, dtype), G = self._recall(), shapes.floats("G", G)
        shapes.check_dtypes(I=dtype, G=G.dtype)
        if G.shape != passes.shape:
            raise ValueError(f"G must have the shape of I, {passes.shape}, got G.shape={G.shape}")
        # The bits of G, or none of them. As fast as a product, many times as fast as np.where; and an infinite G that
        # is stopped gives 0, where a product would give NaN.
        bits = np.dtype(f"i{G.itemsize}")
        return (G.view(bits) & -passes.view(np.int8)).view(dtype)


class MaxPool2d(Layer):
    """Max pooling.

    ::

        forward   O, winners = max_pool2d(I)
        backward  dI         = max_pool2d_backward(G, I, winners)  # of equal values the first, in row-major order

    Parameters
    ----------
    kernel_size, stride, padding
        As in `lectcode.max_pool2d`; I is (N, C, H, W), G is (N, C, H_out, W_out).

    Raises
    ------
    TypeError, ValueError
        From `forward` and `backward`, as `lectcode.max_pool2d` and its gradient.

    Notes
    -----
    Derived in chapters/pooling.md.

    Examples
    --------
    >>> layer = MaxPool2d(2)
    >>> layer.forward(np.array([[[[1.0, 4.0], [4.0, 2.0]]]])), layer.backward(np.array([[[[5.0]]]]))
    (array([[[[4.]]]]), array([[[[0., 5.],
             [0., 0.]]]]))
    """

    def __init__(self, kernel_size, stride=None, padding=0):
        super().__init__()
        self.geometry = {"kernel_size": kernel_size, "stride": stride, "padding": padding}
        self._winners = None  # a subclass whose forward keeps I alone has them found again

    def forward(self, I):
        """Return O."""
        O, self._winners = max_pool2d(I, **self.geometry, return_winners=True)
        self._kept = I
        return O

    def backward(self, G):
        """Return dI."""
        I = self._recall()
        return max_pool2d_backward(G, I, **self.geometry, winners=self._winners)


class AvgPool2d(Layer):
    """Average pooling; the padding counts.

    ::

        forward   O  = avg_pool2d(I)
        backward  dI = avg_pool2d_backward(G, I)

    Parameters
    ----------
    kernel_size, stride, padding
        As in `lectcode.avg_pool2d`; I is (N, C, H, W), G is (N, C, H_out, W_out).

    Raises
    ------
    TypeError, ValueError
        From `forward` and `backward`, as `lectcode.avg_pool2d` and its gradient.

    Notes
    -----
    Derived in chapters/pooling.md.

    Examples
    --------
    >>> layer = AvgPool2d(2)
    >>> layer.forward(np.array([[[[1.0, 4.0], [5.0, 2.0]]]])), layer.backward(np.array([[[[8.0]]]]))
    (array([[[[3.]]]]), array([[[[2., 2.],
             [2., 2.]]]]))
    """

    def __init__(self, kernel_size, stride=None, padding=0):
        super().__init__()
        self.geometry = {"kernel_size": kernel_size, "stride": stride, "padding": padding}

    def forward(self, I):
        """Return O."""
        O = avg_pool2d(I, **self.geometry)
        self._kept = I
        return O

    def backward(self, G):
        """Return dI."""
        return avg_pool2d_backward(G, self._recall(), **self.geometry)


class Flatten(Layer):
    """The same numbers of each picture in one row.

    ::

        forward   O[n, (c H + h) W + w] = I[n,c,h,w]
        backward  dI = G in the shape of I

    Nothing is copied: O is a view of I, and dI one of G, wherever NumPy can make one.

    Raises
    ------
    TypeError, ValueError
        If I is no array of floats or has fewer than two axes, or G not the dtype of I or not the shape of O.

    Notes
    -----
    Used in chapters/train-digits.md.

    Examples
    --------
    >>> layer = Flatten()
    >>> layer.forward(np.zeros((5, 2, 3, 4))).shape, layer.backward(np.zeros((5, 24))).shape
    ((5, 24), (5, 2, 3, 4))
    """

    def forward(self, I):
        """Return O."""
        I = shapes.floats("I", I)
        if I.ndim < 2:
            raise ValueError(f"I must have the axes (N, ...), got I.shape={I.shape}")
        self._kept = I.shape, I.dtype
        return I.reshape(len(I), int(np.prod(I.shape[1:])))

    def backward(self, G):
        """Return dI."""
        (shape, dtype), G = self._recall(), shapes.floats("G", G)
        shapes.check_dtypes(I=dtype, G=G.dtype)
        shapes.check_shape("G", G.shape, "N, ...", (shape[0], int(np.prod(shape[1:]))))
        return G.reshape(shape)


class SoftmaxCrossEntropy:
    """The loss of a classifier, the mean over the batch.

    ::

        forward   L = (1/N) sum_n (log sum_c exp(O[n,c]) - O[n,t[n]])
        backward  G[n,c] = (1/N) (Y[n,c] - [c = t[n]]),   Y[n,c] = exp(O[n,c]) / sum_c' exp(O[n,c'])

    The 1/N of the mean is in G. The largest score of a picture is subtracted before exp, which changes nothing in exact
    arithmetic and keeps exp from overflowing.

    Raises
    ------
    TypeError, ValueError
        From `forward`, if O is no (N, C) array of floats or t no (N,) array of integers from 0 to C - 1; if N is 0.

    Notes
    -----
    Derived in chapters/train-digits.md.

    Examples
    --------
    >>> loss = SoftmaxCrossEntropy()
    >>> round(loss.forward(np.array([[1000.0, 1000.0]]), np.array([1])), 6)
    0.693147
    >>> loss.backward()
    array([[ 0.5, -0.5]])
    """

    def __init__(self):
        self._kept = None

    def forward(self, O, t):
        """Return L, one Python float, for the scores O, (N, C), and the right classes t, (N,)."""
        O = shapes.array("O", O, "N, C")
        if O.dtype.kind != "f":
            raise TypeError(f"O must hold floats, got {O.dtype}")
        t = np.array(t)  # a copy: backward needs it as it is now
        if t.dtype.kind not in "iu":
            raise TypeError(f"t must hold integers, got {t.dtype}")
        shapes.check_shape("t", t.shape, "N", (len(O),))
        if not O.size:
            raise ValueError(f"O must have at least one picture and one class, got O.shape={O.shape}")
        if t.min() < 0 or t.max() >= O.shape[1]:
            raise ValueError(f"t must lie between 0 and C - 1 = {O.shape[1] - 1}, got {t.min()} to {t.max()}")
        lower = O - O.max(axis=1, keepdims=True)
        Y = np.exp(lower)
        total = Y.sum(axis=1)
        self._kept = Y / total[:, None], t
        return float((np.log(total) - lower[np.arange(len(t)), t]).mean())

    def backward(self):
        """Return G = dL/dO, (N, C)."""
        if self._kept is None:
            raise RuntimeError("SoftmaxCrossEntropy.backward needs a forward pass before it")
        Y, t = self._kept
        G = Y.copy()
        G[np.arange(len(t)), t] -= 1
        G /= len(t)
        return G


class Sequential:
    """Layers one after the other: the output of each is the input of the next.

    ::

        forward   O = layer_J(... layer_1(I))
        backward  from the last layer to the first: the dI of a layer is the G of the one before it

    Parameters
    ----------
    layers : Layer
        At least one, and all different objects: a layer keeps the pass that its backward needs, so one ReLU cannot
        stand in two places, as it can in PyTorch. The parameter "F" of layer j is called "j.F"; layers count from 0.

    Raises
    ------
    TypeError, ValueError
        If there is no layer, something else among them, or one of them twice; from the layers themselves.

    Notes
    -----
    The chain rule through layers is derived in chapters/train-digits.md.

    Examples
    --------
    >>> network = Sequential(Flatten(), Linear(4, 2, rng=np.random.default_rng(0)), ReLU())
    >>> O = network.forward(np.ones((3, 1, 2, 2), np.float32))
    >>> network.backward(O).shape, {name: array.shape for name, array in network.gradients.items()}
    ((3, 1, 2, 2), {'1.F': (2, 4), '1.B': (2,)})
    """

    def __init__(self, *layers):
        if not layers:
            raise ValueError("layers must hold at least one layer, got none")
        for layer in layers:
            if not isinstance(layer, Layer):
                raise TypeError(f"layers must be layers, got {type(layer).__name__}: {layer!r}")
        for j, layer in enumerate(layers):
            if (first := layers.index(layer)) < j:
                raise ValueError(
                    "layers must be different objects, for each keeps what its backward needs; "
                    f"layers[{first}] and layers[{j}] are the same {type(layer).__name__}"
                )
        self.layers = layers

    @property
    def parameters(self):
        """All parameters by name, the arrays themselves and not copies."""
        return {f"{j}.{name}": array for j, layer in enumerate(self.layers) for name, array in layer.parameters.items()}

    @property
    def gradients(self):
        """The gradients of the last backward pass, by the same names."""
        return {f"{j}.{name}": array for j, layer in enumerate(self.layers) for name, array in layer.gradients.items()}

    def forward(self, I):
        """Return the output of the last layer."""
        for layer in self.layers:
            I = layer.forward(I)
        return I

    def backward(self, G):
        """Write the gradients of all parameters; return dI."""
        for layer in reversed(self.layers):
            G = layer.backward(G)
        return G

    def grad_parameters(self, G):
        """Write the gradients of all parameters, without dI: what training needs."""
        first, *others = self.layers
        for layer in reversed(others):
            G = layer.backward(G)
        first.grad_parameters(G)

    def save(self, path):
        """Write all parameters into a `.npz` file, or nothing: an existing file is replaced in one step."""
        path = Path(path)
        part = path.with_name(f"{path.name}.{os.getpid()}.part")
        try:
            with part.open("wb") as file:
                np.savez(file, **self.parameters)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)

    def load(self, path):
        """Read all parameters from a `.npz` file that `save` wrote.

        ValueError, and nothing is changed, if the file is damaged, or if a parameter is missing, unknown, or has
        another shape or dtype than here; the message names it.
        """
        found, own = _read_npz(path), self.parameters
        for kind, names in (("lacks", own.keys() - found.keys()), ("has the unknown", found.keys() - own.keys())):
            if names:
                raise ValueError(f"{path} does not fit this network: it {kind} parameters {sorted(names)}")
        for name, array in own.items():
            for what in ("shape", "dtype"):
                here, there = getattr(array, what), getattr(found[name], what)
                if here != there:
                    raise ValueError(f"{path} does not fit this network: {name} has {what} {there}, here it is {here}")
        for name, array in own.items():
            array[...] = found[name]


def _read_npz(path):
    """Return the arrays of a `.npz` file by name; each is checked against its checksum while it is read."""
    content = io.BytesIO(Path(path).read_bytes())  # from here on every error is one of the content
    try:
        found = np.load(content, allow_pickle=False)
        if isinstance(found, np.ndarray):
            raise ValueError("it holds one array, not several by name")
        arrays = {name: found[name] for name in found.files}
        for name, array in arrays.items():
            if not isinstance(array, np.ndarray):
                raise ValueError(f"{name} is no array")
        return arrays
    except (
        zipfile.BadZipFile,
        zlib.error,
        tokenize.TokenError,
        EOFError,
        MemoryError,
        ValueError,
        RuntimeError,
    ) as problem:
        raise ValueError(f"{path} is not a readable .npz file: {str(problem) or 'it ends too early'}") from problem


class SGD:
    """Stochastic gradient descent with momentum.

    ::

        v <- momentum v + gradient,   parameter <- parameter - rate v

    Parameters
    ----------
    network : Sequential
        Its parameters are changed in place.
    rate : float
        The step, greater than 0; may be changed between steps.
    momentum : float
        From 0, which is plain descent, to below 1.

    Raises
    ------
    TypeError, ValueError
        If network is no `Sequential`, or a number is none or out of range.
    RuntimeError
        From `step`, if the network has had no backward pass.

    Notes
    -----
    Used in chapters/train-digits.md. Source: B. T. Polyak, "Some methods of speeding up the convergence of iteration
    methods", 1964; in the form that PyTorch uses.

    Examples
    --------
    >>> network = Sequential(Linear(1, 1, rng=np.random.default_rng(0)))
    >>> network.parameters["0.F"][...] = 3
    >>> optimiser = SGD(network, rate=0.5)
    >>> network.backward(network.forward(np.ones((1, 1), np.float32)))
    array([[9.]], dtype=float32)
    >>> optimiser.step()
    >>> network.parameters["0.F"]
    array([[1.5]], dtype=float32)
    """

    def __init__(self, network, *, rate, momentum=0.0):
        self.network, self.rate, self.momentum = network, _positive("rate", rate), _below_one("momentum", momentum)
        self._velocities = {name: np.zeros_like(array) for name, array in _parameters(network).items()}

    def step(self):
        """Change the parameters once, against the network's gradients."""
        gradients = _gradients(self)
        for name, parameter in self.network.parameters.items():
            v = self._velocities[name]
            v *= self.momentum
            v += gradients[name]
            parameter -= self.rate * v


class Adam:
    """Adam: every parameter gets a step of its own, by the size of its recent gradients.

    ::

        m <- b1 m + (1 - b1) gradient,   v <- b2 v + (1 - b2) gradient^2
        parameter <- parameter - rate m^ / (sqrt(v^) + epsilon),   m^ = m / (1 - b1^k),  v^ = v / (1 - b2^k)

    in step k = 1, 2, ...

    Parameters
    ----------
    network : Sequential
        Its parameters are changed in place.
    rate : float
        About how far a parameter moves in a step, greater than 0; may be changed between steps.
    decay : (float, float)
        b1 and b2, from 0 to below 1.
    epsilon : float
        Greater than 0.

    Raises
    ------
    TypeError, ValueError
        If network is no `Sequential`, or a number is none or out of range.
    RuntimeError
        From `step`, if the network has had no backward pass.

    Notes
    -----
    Used in chapters/train-digits.md. Source: D. P. Kingma and J. Ba, "Adam: a method for stochastic optimization",
    ICLR 2015, arXiv:1412.6980, algorithm 1.

    Examples
    --------
    >>> network = Sequential(Linear(1, 1, rng=np.random.default_rng(0), dtype=np.float64))
    >>> network.parameters["0.F"][...] = 3
    >>> optimiser = Adam(network, rate=0.5)
    >>> dI = network.backward(network.forward(np.ones((1, 1))))
    >>> optimiser.step()  # the first step is as long as the rate, whatever the gradient
    >>> network.parameters["0.F"].round(6)
    array([[2.5]])
    """

    def __init__(self, network, *, rate=1e-3, decay=(0.9, 0.999), epsilon=1e-8):
        self.network, self.rate, self.epsilon = network, _positive("rate", rate), _positive("epsilon", epsilon)
        if not isinstance(decay, tuple | list) or len(decay) != 2:
            raise ValueError(f"decay must be a pair of numbers, got {decay!r}")
        self.decay = tuple(_below_one(f"decay[{i}]", b) for i, b in enumerate(decay))
        self.steps = 0
        self._moments = {name: (np.zeros_like(a), np.zeros_like(a)) for name, a in _parameters(network).items()}

    def step(self):
        """Change the parameters once, against the network's gradients."""
        gradients, (b1, b2) = _gradients(self), self.decay
        self.steps += 1
        rate, correction = self.rate / (1 - b1**self.steps), np.sqrt(1 - b2**self.steps).item()
        for name, parameter in self.network.parameters.items():
            (m, v), gradient = self._moments[name], gradients[name]
            m *= b1
            m += (1 - b1) * gradient
            v *= b2
            v += (1 - b2) * gradient * gradient
            change = np.sqrt(v)
            change /= correction
            change += self.epsilon
            np.divide(m, change, out=change)
            change *= rate
            parameter -= change


def _parameters(network):
    """Return the parameters of what an optimiser is given."""
    if not isinstance(network, Sequential):
        raise TypeError(f"network must be a Sequential, got {type(network).__name__}: {network!r}")
    return network.parameters


def _gradients(optimiser):
    """Return the gradients of an optimiser's network: one for each parameter."""
    gradients = optimiser.network.gradients
    if missing := optimiser.network.parameters.keys() - gradients.keys():
        raise RuntimeError(
            f"{type(optimiser).__name__}.step needs a backward pass before it: no gradients of {sorted(missing)}"
        )
    return gradients


def _positive(name, value):
    number = shapes.number(name, value)
    if not 0 < number < np.inf:
        raise ValueError(f"{name} must be greater than 0, got {value}")
    return number


def _below_one(name, value):
    number = shapes.number(name, value)
    if not 0 <= number < 1:
        raise ValueError(f"{name} must be at least 0 and below 1, got {value}")
    return number


def digit_network(*, rng, dtype=np.float32):
    """Return the network that reads 8 x 8 digits: two convolutions, one pooling, one linear layer.

    ::

        O = linear(max_pool(ReLU(conv(ReLU(conv(I))))))

    with 16 and 32 filters of 3 x 3; what reaches the linear layer is (N, 32, 4, 4), and O is (N, 10).

    Parameters
    ----------
    rng : numpy.random.Generator
        Draws the initial filters.
    dtype : float32 or float64
        Of all parameters, and so of the digits.

    Returns
    -------
    Sequential

    Raises
    ------
    TypeError
        As `he_normal`.

    Notes
    -----
    Trained in chapters/train-digits.md.

    Examples
    --------
    >>> network = digit_network(rng=np.random.default_rng(0))
    >>> network.forward(np.zeros((5, 1, 8, 8), np.float32)).shape
    (5, 10)
    >>> sum(array.size for array in network.parameters.values())
    9930
    """
    return Sequential(
        Conv2d(1, 16, 3, padding=1, rng=rng, dtype=dtype),
        ReLU(),
        Conv2d(16, 32, 3, padding=1, rng=rng, dtype=dtype),
        ReLU(),
        MaxPool2d(3, stride=2, padding=1),
        Flatten(),
        Linear(32 * 4 * 4, 10, rng=rng, dtype=dtype),
    )


def batches(N, size, *, rng):
    """Return the numbers 0, ..., N - 1 in random order, cut into batches: one epoch.

    ::

        batch j = order[j size : (j + 1) size]

    where order is a random permutation; the last batch may be smaller.

    Parameters
    ----------
    N : int
        How many pictures there are, at least 0.
    size : int
        Pictures in a batch, at least 1.
    rng : numpy.random.Generator
        The source of the order.

    Returns
    -------
    list of int64 arrays

    Raises
    ------
    TypeError, ValueError
        If N or size is no such integer, or rng no generator.

    Notes
    -----
    Used in chapters/train-digits.md.

    Examples
    --------
    >>> [len(batch) for batch in batches(10, 4, rng=np.random.default_rng(0))]
    [4, 4, 2]
    """
    N, size = shapes.integer("N", N, 0), shapes.integer("size", size, 1)
    order = shapes.generator(rng).permutation(N)
    return [order[first : first + size] for first in range(0, N, size)]


def train(network, I, t, *, rng, rate=0.004, epochs=15, size=32):
    """Train a classifier with Adam; between two epochs the caller may look at the network.

    ::

        in epoch e = 0, 1, ...   step of Adam = rate (1 + cos(pi e / epochs)) / 2

    Parameters
    ----------
    network : Sequential
        Gives a score for each class; its parameters are changed in place.
    I : (N, ...) array
        Pictures, at least one.
    t : (N,) array of integers
        Their classes.
    rng : numpy.random.Generator
        The source of the order in which the pictures are shown.
    rate : float
        Adam's step in the first epoch.
    epochs : int
        How often every picture is shown, at least 1.
    size : int
        Pictures in a batch, at least 1.

    Returns
    -------
    iterator of float
        After each epoch the mean loss over its pictures, each seen before the step that it led to. Nothing is trained
        before the first number is asked for.

    Raises
    ------
    TypeError, ValueError
        At once, if one of these is not as stated; while training, from the network and the loss.

    Notes
    -----
    Used in chapters/train-digits.md.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> I, t = rng.normal(size=(90, 2)), np.arange(90) % 3
    >>> I[:, 0] += 3 * t
    >>> network = Sequential(Linear(2, 3, rng=rng, dtype=np.float64))
    >>> losses = list(train(network, I, t, rng=rng, rate=0.1))
    >>> len(losses), losses[0] > losses[14]
    (15, True)
    """
    I, t = shapes.floats("I", I), np.asarray(t)
    if not I.ndim or not len(I):
        raise ValueError(f"I must have the axes (N, ...) and at least one picture, got I.shape={I.shape}")
    shapes.check_shape("t", t.shape, "N", (len(I),))
    epochs, size = shapes.integer("epochs", epochs, 1), shapes.integer("size", size, 1)
    return _epochs(I, t, Adam(network, rate=rate), epochs, size, shapes.generator(rng))


def _epochs(I, t, optimiser, epochs, size, rng):
    """Train, and yield the mean loss of each epoch."""
    network, rate, loss = optimiser.network, optimiser.rate, SoftmaxCrossEntropy()
    for epoch in range(epochs):
        optimiser.rate = rate * (1 + cos(pi * epoch / epochs)) / 2
        total = 0.0
        for batch in batches(len(I), size, rng=rng):
            scores = network.forward(I[batch])
            total += len(batch) * loss.forward(scores, t[batch])
            network.grad_parameters(loss.backward())
            optimiser.step()
        yield total / len(I)
