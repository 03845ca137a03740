"""Compile the kernels that the chapters call and build Matplotlib's list of fonts, once, into their caches.

Matplotlib announces the making of its list on stderr, and nbval would find that text in a notebook's output.
"""

import numpy as np

import lectcode
from lectcode import figures


def main():
    """Call each kernel once for each dtype."""
    for dtype in (np.float32, np.float64, np.int64):
        lectcode.conv2d(np.ones((1, 1, 3, 3), dtype), np.ones((1, 1, 2, 2), dtype))
    figures.pictures([{"warm": np.zeros((2, 2))}]).canvas.draw()


if __name__ == "__main__":
    main()
