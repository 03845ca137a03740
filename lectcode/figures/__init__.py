"""The book's figures. Each function takes arrays that a chapter computed and returns a Matplotlib figure.

Figures stand on white in light and dark mode alike, use the colour-blind safe palette below, and print no number that
the chapter did not compute.
"""

from lectcode.figures.canvas import BLUE, GREEN, INK, ORANGE, PALE, PURPLE
from lectcode.figures.cells import filter_entry, grids, matrices, pixel, window
from lectcode.figures.images import fields, heat_maps, pictures, strips, tilings
from lectcode.figures.lines import curves, relu_of_means
from lectcode.figures.networks import learning_curves, maps, sensitivity
from lectcode.figures.one_axis import axis_windows, stacks

__all__ = [
    "BLUE",
    "GREEN",
    "INK",
    "ORANGE",
    "PALE",
    "PURPLE",
    "axis_windows",
    "curves",
    "fields",
    "filter_entry",
    "grids",
    "heat_maps",
    "learning_curves",
    "maps",
    "matrices",
    "pictures",
    "pixel",
    "relu_of_means",
    "sensitivity",
    "stacks",
    "strips",
    "tilings",
    "window",
]
