"""Compile the kernels and the loops of the formulas, and build Matplotlib's list of fonts, once, into their caches.

Matplotlib announces the making of its list on stderr, and nbval would find that text in a notebook's output.
"""

import numpy as np

import lectcode
from lectcode import figures
from lectcode.verify.oracle import Oracle
from lectcode.verify.report import checkable, open_book

PIXELS = 24
# Channels, filters, rows of a filter, groups: few and many of each, for which there are different kernels.
LAYERS = ((16, 1, 3, 1), (16, 16, 3, 1), (1, 1, 3, 1), (1, 8, 3, 1), (16, 4, 1, 1), (16, 16, 3, 16))


def convolve(dtype):
    """Call the convolution and its gradients, on layers that all algorithms accept."""
    for channels, filters, rows, groups in LAYERS:
        I = np.ones((2, channels, PIXELS, PIXELS), dtype)
        F = np.ones((filters, channels // groups, rows, rows), dtype)
        for algorithm in ("auto", "gemm", "direct") if I.dtype.kind == "f" and groups == 1 else ("auto",):
            window = {"padding": rows // 2, "groups": groups, "algorithm": algorithm}
            O = lectcode.conv2d(I, F, **window)
            lectcode.conv2d_grad_input(O, F, PIXELS, **window)
            lectcode.conv2d_grad_filters(O, I, rows, **window)


def pool(dtype):
    """Call the pooling layers and their gradients, with windows that touch, that overlap and that cover everything."""
    for planes in (1, 16):
        I = np.ones((1, planes, PIXELS, PIXELS), dtype)
        for kernel_size in (2, 3, PIXELS):
            window = {"kernel_size": kernel_size, "stride": 2}
            O, winners = lectcode.max_pool2d(I, **window, return_winners=True)
            lectcode.max_pool2d(I, **window)
            lectcode.max_pool2d_backward(O, I, **window)
            lectcode.max_pool2d_backward(O, I, **window, winners=winners)
            for divisor in (1,) if I.dtype.kind == "i" else (1, None):
                lectcode.avg_pool2d(I, **window, divisor_override=divisor)
                lectcode.avg_pool2d_backward(O, I, **window, divisor_override=divisor)


def check():
    """Run every formula of the book on a few shapes."""
    book, _ = open_book()
    oracle = Oracle(book, shapes=1)
    for formula in checkable(book):
        oracle.run(formula)


def main():
    """Call the kernels for each dtype, run the formulas, and draw."""
    for dtype in (np.float32, np.float64, np.int64):
        convolve(dtype)
        pool(dtype)
    check()
    figures.pictures([{"warm": np.zeros((2, 2))}]).canvas.draw()


if __name__ == "__main__":
    main()
