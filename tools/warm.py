"""Compile the kernels that the chapters call and build Matplotlib's list of fonts, once, into their caches.

Matplotlib announces the making of its list on stderr, and nbval would find that text in a notebook's output.
"""

import numpy as np

import lectcode
from lectcode import figures

PIXELS = 24
FILTERS = PLANES = (1, 16)  # few and many are different kernels


def convolve(dtype):
    """Call the convolution and its gradients, on a layer that all algorithms accept."""
    I = np.ones((2, 16, PIXELS, PIXELS), dtype)
    for algorithm in ("auto", "gemm", "direct") if I.dtype.kind == "f" else ("auto",):
        for filters in FILTERS:
            F, window = np.ones((filters, 16, 3, 3), dtype), {"padding": 1, "algorithm": algorithm}
            O = lectcode.conv2d(I, F, **window)
            lectcode.conv2d_grad_input(O, F, PIXELS, **window)
            lectcode.conv2d_grad_filters(O, I, 3, **window)


def pool(dtype):
    """Call the pooling layers and their gradients, with windows that touch and windows that overlap."""
    for planes in PLANES:
        I = np.ones((1, planes, PIXELS, PIXELS), dtype)
        for kernel_size in (2, 3):
            window = {"kernel_size": kernel_size, "stride": 2}
            O, winners = lectcode.max_pool2d(I, **window, return_winners=True)
            lectcode.max_pool2d(I, **window)
            lectcode.max_pool2d_backward(O, I, **window)
            lectcode.max_pool2d_backward(O, I, **window, winners=winners)
            lectcode.avg_pool2d(I, **window, divisor_override=1)  # of whole numbers, too
            lectcode.avg_pool2d_backward(O, I, **window, divisor_override=1)


def main():
    """Call the kernels for each dtype, and draw."""
    for dtype in (np.float32, np.float64, np.int64):
        convolve(dtype)
        pool(dtype)
    figures.pictures([{"warm": np.zeros((2, 2))}]).canvas.draw()


if __name__ == "__main__":
    main()
