"""Two ways to check a gradient without deriving it again: central differences, and the adjoint identity.

Both ask one question of a gradient dx = backward(G): does <G, change of forward(x)> equal <dx, change of x>?
"""

import numpy as np

from lectcode import shapes


def central_difference(forward, x, direction, step):
    """Return (forward(x + step direction) - forward(x - step direction)) / (2 step).

    The error has two parts: step^2 times a third derivative, and rounding, about unit roundoff / step. Their sum is
    smallest near step = (unit roundoff)^(1/3).

    Parameters
    ----------
    forward : function
        Takes an array shaped like x and returns an array.
    x, direction : arrays of the same shape, of floats
        Where to differentiate, and which way to go.
    step : float
        How far to go, greater than 0.

    Returns
    -------
    array
        The derivative of forward along direction, approximately.

    Raises
    ------
    ValueError
        If x and direction differ in shape, or step is not positive and finite.
    TypeError
        If x or direction is not an array of floats, or step not a number.

    Notes
    -----
    Explained in chapters/checking.md.

    Examples
    --------
    >>> float(central_difference(np.sin, np.array([0.0]), np.array([1.0]), step=0.5)[0])  # sin(0.5) / 0.5
    0.958851077208406
    """
    x, direction, step = _floats("x", x), _floats("direction", direction), shapes.number("step", step)
    if direction.shape != x.shape:
        raise ValueError(f"direction must have the shape of x, {x.shape}, got {direction.shape}")
    if not 0 < step < np.inf:
        raise ValueError(f"step must be positive and finite, got {step}")
    return (forward(x + step * direction) - forward(x - step * direction)) / (2 * step)


def check_gradient(forward, backward, x, *, rng, directions=5, step=None, tolerance=1e-6):
    """Compare a gradient with central differences along random directions.

    For a random G and a random direction v, both with normally distributed entries,

    ::

        <G, (forward(x + step v) - forward(x - step v)) / (2 step)>  =  <backward(G), v>   approximately.

    A wrong gradient passes with probability zero, not never: one direction is one number. Keep x away from kinks (ties
    of a maximum), where there is no derivative.

    Parameters
    ----------
    forward : function
        Takes an array shaped like x and returns an array.
    backward : function
        Takes G, shaped like forward(x), and returns the gradient of <G, forward(x)> by x. It is called after
        forward(x), so a layer that keeps what it saw last, like those of `lectcode.nn`, can be checked as it is.
    x : array of floats
        Where to check.
    rng : numpy.random.Generator
        The source of G and the directions.
    directions : int
        How many random directions to try, at least 1.
    step : float, optional
        The cube root of the unit roundoff of x's dtype if omitted.
    tolerance : float
        The largest error, relative to ``|G| |change| + |dx| |v|`` (Euclidean lengths). The default suits float64.

    Returns
    -------
    float
        The largest relative error found.

    Raises
    ------
    AssertionError
        If an error exceeds the tolerance; the message gives both numbers.
    ValueError, TypeError
        If backward(G) does not have the shape of x, if an argument is not as stated, or as `central_difference`.

    Notes
    -----
    Explained in chapters/checking.md.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> x = rng.normal(size=(2, 3))
    >>> check_gradient(np.sin, lambda G: G * np.cos(x), x, rng=rng) < 1e-9
    True
    >>> check_gradient(np.sin, lambda G: G * np.sin(x), x, rng=rng)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    AssertionError: gradient check failed along direction 0: difference quotient 0.01110..., gradient -0.14393...
    """
    x, rng, directions = _floats("x", x), shapes.generator(rng), shapes.integer("directions", directions, 1)
    tolerance = shapes.number("tolerance", tolerance)
    step = np.cbrt(np.finfo(x.dtype).eps / 2) if step is None else step
    largest = 0.0
    for trial in range(directions):
        direction = rng.normal(size=x.shape).astype(x.dtype)
        change = central_difference(forward, x, direction, step)
        G = rng.normal(size=change.shape).astype(change.dtype)
        forward(x)  # for a layer that keeps what it saw last
        dx = _gradient(backward, G, x)
        numeric, analytic = np.vdot(G, change), np.vdot(dx, direction)
        scale = np.linalg.norm(G) * np.linalg.norm(change) + np.linalg.norm(dx) * np.linalg.norm(direction)
        error = float(abs(numeric - analytic) / scale) if scale else 0.0
        if not error <= tolerance:  # NaN fails too
            raise AssertionError(
                f"gradient check failed along direction {trial}: difference quotient {numeric}, gradient {analytic}, "
                f"relative error {error:.1e} > {tolerance:.1e}"
            )
        largest = max(largest, error)
    return largest


def check_adjoint(forward, adjoint, x, G):
    """Check that two linear functions are adjoint: <G, forward(x)> = <adjoint(G), x>.

    On whole numbers (int64, or small ones in floats) both sides are exact, so there is no step and no tolerance.

    Parameters
    ----------
    forward : function
        Linear; takes x.
    adjoint : function
        Linear; takes G, shaped like forward(x), and returns an array shaped like x.
    x, G : arrays that hold whole numbers
        One pair of points. Random ones reveal a wrong adjoint almost surely.

    Returns
    -------
    int
        The common value of both sides.

    Raises
    ------
    AssertionError
        If the two sides differ; the message gives both.
    ValueError
        If an entry of x, G or a result is not a whole number, or a shape is wrong.
    TypeError
        If x or G is not an array.

    Notes
    -----
    Explained in chapters/checking.md. The sums are taken in Python integers and cannot overflow.

    Examples
    --------
    >>> check_adjoint(np.cumsum, lambda G: np.cumsum(G[::-1])[::-1], np.array([1, 2, 3]), np.array([4, 5, 6]))
    55
    >>> check_adjoint(np.cumsum, np.cumsum, np.array([1, 2, 3]), np.array([4, 5, 6]))
    Traceback (most recent call last):
        ...
    AssertionError: adjoint check failed: <G, forward(x)> = 55, <adjoint(G), x> = 67
    """
    for name, value in (("x", x), ("G", G)):
        if not isinstance(value, np.ndarray):
            raise TypeError(f"{name} must be a NumPy array, got {type(value).__name__}: {value!r}")
    O = forward(x)
    if G.shape != O.shape:
        raise ValueError(f"G must have the shape of forward(x), {O.shape}, got {G.shape}")
    left, right = _exact_dot(G, O), _exact_dot(_gradient(adjoint, G, x), x)
    if left != right:
        raise AssertionError(f"adjoint check failed: <G, forward(x)> = {left}, <adjoint(G), x> = {right}")
    return left


def _floats(name, x):
    """Return the argument `name`, an array of floats of any precision."""
    if not isinstance(x, np.ndarray) or x.dtype.kind != "f":
        raise TypeError(f"{name} must be an array of floats, got {type(x).__name__}: {x!r}")
    return x


def _gradient(backward, G, x):
    """Return backward(G), which must be shaped like x."""
    dx = backward(G)
    if np.shape(dx) != x.shape:
        raise ValueError(f"the gradient must have the shape of x, {x.shape}, got {np.shape(dx)}")
    return dx


def _exact_dot(a, b):
    """Return the sum of a b in Python integers."""
    for values in (a, b):
        if not (np.isfinite(values) & (values == np.floor(values))).all():
            raise ValueError("the adjoint check is exact and needs whole numbers; round x and G first")
    return sum(int(p) * int(q) for p, q in zip(a.flat, b.flat, strict=True))
