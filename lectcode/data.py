"""Real images that ship inside scikit-learn, in the book's layout (N, C, H, W), and the committed benchmark.

Nothing is downloaded.
"""

import json
from pathlib import Path

import numpy as np


def photograph():
    """Return the photograph `china.jpg` as one colour image.

    A tower with many roofs above trees and water, 427 x 640 pixels, photographed by danielbuechele, CC BY 2.0.
    scikit-learn ships it with its credit (`sklearn/datasets/images/README.txt`).

    Returns
    -------
    I : (1, 3, 427, 640) float32 array
        Red, green and blue as whole numbers from 0 to 255, so that sums of a few thousand of them are exact.

    Examples
    --------
    >>> I = photograph()
    >>> I.shape, I.dtype, I.min(), I.max()
    ((1, 3, 427, 640), dtype('float32'), np.float32(0.0), np.float32(255.0))
    """
    from sklearn.datasets import load_sample_image

    pixels = load_sample_image("china.jpg")  # (H, W, C), uint8
    return np.ascontiguousarray(pixels.transpose(2, 0, 1)[np.newaxis], dtype=np.float32)


def digits():
    """Return the 1797 handwritten digits of the UCI test set and their labels.

    Collected by E. Alpaydin and C. Kaynak, 1998; scikit-learn ships them (`sklearn.datasets.load_digits`).

    Returns
    -------
    I : (1797, 1, 8, 8) float32 array
        Ink as whole numbers from 0 to 16.
    labels : (1797,) int64 array
        The digit that each image shows.

    Examples
    --------
    >>> I, labels = digits()
    >>> I.shape, I.max(), labels[:4]
    ((1797, 1, 8, 8), np.float32(16.0), array([0, 1, 2, 3]))
    """
    from sklearn.datasets import load_digits

    bunch = load_digits()
    return bunch.images[:, np.newaxis].astype(np.float32), bunch.target.astype(np.int64)


def digits_split():
    """Return the digits apart: every fifth of the file, beginning with the first, is for testing.

    The split has no chance in it, so nobody can choose a lucky one.

    Returns
    -------
    (I, labels), (test_I, test_labels)
        1437 images for training and 360 for testing, as `digits` returns them but with ink from 0 to 1.

    Examples
    --------
    >>> (I, labels), (test_I, test_labels) = digits_split()
    >>> len(I), len(test_I), I.max(), test_labels[:4]
    (1437, 360, np.float32(1.0), array([0, 5, 0, 5]))
    """
    I, labels = digits()
    test = np.arange(len(I)) % 5 == 0
    return (I[~test] / 16, labels[~test]), (I[test] / 16, labels[test])


def benchmark(machine="amd-epyc-2-cores-512-bits"):
    """Return what `make bench` recorded on one machine.

    Parameters
    ----------
    machine : str
        The name of a file in `benchmarks/results/`, without ".json". What follows describes the file of the layers.

    Returns
    -------
    run : dict
        "machine", "versions" and "date"; "limits", the flop/s and bytes/s of the machine; "rows", one for each pass,
        layer, N, dtype and number of threads, with the seconds of each library and the ratio to lectcode's;
        "summary", their geometric means and minima.

    Raises
    ------
    FileNotFoundError
        If there is no such file.

    Examples
    --------
    >>> run = benchmark()
    >>> sorted(run["rows"][0]["seconds"])[0]
    'PyTorch'
    """
    package = Path(__file__).parent
    for folder in (package.parent / "benchmarks" / "results", package / "book" / "benchmarks"):
        path = folder / f"{machine}.json"
        if path.exists():
            return json.loads(path.read_text("utf8"))
    raise FileNotFoundError(f"no benchmark of {machine!r}: run `make bench`")
