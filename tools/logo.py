"""Draw the book's favicon and logo: `python -m tools.logo` writes them to `_static`.

The mark is the book's subject: a window of a filter on a grid of pixels, in the palette of the figures. The title
is drawn as outlines, so that it looks the same on every machine; light and dark pages have a logo each.
"""

from matplotlib import get_data_path
from matplotlib.font_manager import FontProperties
from matplotlib.path import Path as Outline
from matplotlib.textpath import TextPath

from lectcode.figures.canvas import BLUE, INK, ORANGE
from tools.notebooks import BOOK

TITLE = ("Convolutional", "Neural Networks,", "Derived and Verified")
FONT = f"{get_data_path()}/fonts/ttf/STIXGeneral.ttf"
GREY = "#b4b4b4"
# Of each file: the colours of the window, of its corner (the entry being multiplied), of the other pixels and of the
# title.
COLORS = {
    "favicon": (BLUE, ORANGE, GREY, None),
    "logo-light": (BLUE, ORANGE, GREY, INK),
    "logo-dark": ("#8cc8ff", "#ff9040", "#5c5c5c", "#e8e8e8"),  # as --book-* of dark pages in _static/book.css
}


def mark(window, corner, other):
    """Return 3 x 3 pixels on a square of 16: the lower right 2 x 2 are in the window. Edges fall on whole pixels."""
    cells = []
    for row in range(3):
        for column in range(3):
            color = corner if row == column == 2 else window if row and column else other
            cells.append(f'<rect x="{1 + 5 * column}" y="{1 + 5 * row}" width="4" height="4" rx="0.6" fill="{color}"/>')
    return "".join(cells)


def outlines(text, left, baseline, size):
    """Return a line of text as the data of an SVG path."""
    words = {Outline.MOVETO: "M", Outline.LINETO: "L", Outline.CURVE3: "Q", Outline.CURVE4: "C", Outline.CLOSEPOLY: "Z"}
    path = TextPath((left, 0), text, size=size, prop=FontProperties(fname=FONT))
    parts = []
    for points, code in path.iter_segments(curves=True, simplify=False):
        pairs = zip(points[::2], points[1::2], strict=True)
        steps = "" if code == Outline.CLOSEPOLY else " ".join(f"{x:.0f},{baseline - y:.0f}" for x, y in pairs)
        parts.append(words[code] + steps)
    return "".join(parts)


def drawings():
    """Return the text of each SVG file by its name."""
    made = {}
    for name, (*cells, title) in COLORS.items():
        if title:
            lines = "".join(outlines(line, 760, 190 + 202 * row, 188) for row, line in enumerate(TITLE))
            width, drawn = 59, f'<path fill="{title}" transform="scale(0.025)" d="{lines}"/>'
        else:
            width, drawn = 16, ""
        made[f"{name}.svg"] = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} 16">'
            f"<title>{' '.join(TITLE)}</title>{mark(*cells)}{drawn}</svg>\n"
        )
    return made


def main():
    """Run the command."""
    for name, text in drawings().items():
        (BOOK / "_static" / name).write_text(text, "utf8")


if __name__ == "__main__":
    main()
