"""The compiled loops, one algorithm a file; nothing here checks its arguments."""

from collections.abc import Callable
from dataclasses import dataclass

try:
    from lectcode.kernels import direct, gemm, gemm_filters, winograd
except RuntimeError as problem:
    if "no locator" not in str(problem):
        raise
    raise RuntimeError(
        "lectcode keeps compiled kernels on disk, but neither its own folder nor the user's cache can be written: set "
        "the environment variable NUMBA_CACHE_DIR to a folder that can"
    ) from problem


@dataclass(frozen=True)
class Algorithm:
    """One way to compute a convolution and its gradients; the tests run over all that are registered."""

    forward: Callable  # (I, F, B, geometry, O) writes O
    grad_input: Callable  # (G, F, geometry, dI) writes dI
    grad_filters: Callable  # (G, I, geometry, dF) writes dF
    refusal: Callable  # (dtype, geometry) -> None, or the reason why it does not apply
    error_bound: Callable  # (terms, unit) -> c in |computed - exact| <= c sum |a||b|, or c W of `magnitude`
    # (X, F, bias, geometry, turned) -> W, for the convolution of X or, turned, the gradient of the input by X. An
    # algorithm that has it rounds even where all numbers are whole.
    magnitude: Callable | None = None


ALGORITHMS = {
    "direct": Algorithm(direct.forward, direct.grad_input, direct.grad_filters, direct.refusal, direct.error_bound),
    "gemm": Algorithm(gemm.forward, gemm.grad_input, gemm_filters.grad_filters, gemm.refusal, direct.error_bound),
    "winograd": Algorithm(
        winograd.forward,
        winograd.grad_input,
        gemm_filters.grad_filters,
        winograd.refusal,
        winograd.error_bound,
        winograd.magnitude,
    ),
}
