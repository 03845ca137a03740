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
from lectcode.figures.speed import error_maps, ladder, ratios, roofline

__all__ = [
    "BLUE",
    "GREEN",
    "INK",
    "ORANGE",
    "PALE",
    "PURPLE",
    "axis_windows",
    "curves",
    "error_maps",
    "fields",
    "filter_entry",
    "grids",
    "heat_maps",
    "ladder",
    "learning_curves",
    "maps",
    "matrices",
    "pictures",
    "pixel",
    "ratios",
    "relu_of_means",
    "roofline",
    "sensitivity",
    "stacks",
    "strips",
    "tilings",
    "window",
]
