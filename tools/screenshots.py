"""Photograph every page of the built site: `python -m tools.screenshots [PAGE ...]`.

Writes `_build/screenshots/PAGE-SIZE-SCHEME-NUMBER.png`: the whole page, desktop and phone, light and dark, cut into
columns that stand side by side, read from left to right like a newspaper. They are made to be looked at.
"""

import argparse
import io
import shutil

from PIL import Image
from tqdm import tqdm

from tools import site as checker
from tools.browser import SIZES, Visit, launched, served
from tools.notebooks import BOOK

SITE, TARGET = BOOK / "_build/html", BOOK / "_build/screenshots"
SCHEMES = ("light", "dark")
COLUMNS = {"desktop": 3, "phone": 6}  # on one picture
HEIGHT = 1800  # of a column, in pixels of the picture
SCALE = {"desktop": 0.5, "phone": 0.75}
GAP = 12


def columns(page, height):
    """Yield a page from top to bottom, `height` pixels at a time, as pictures."""
    width = page.viewport_size["width"]
    whole = page.evaluate("document.documentElement.scrollHeight")
    for top in range(0, whole, height):
        clip = {"x": 0, "y": top, "width": width, "height": min(height, whole - top)}
        yield Image.open(io.BytesIO(page.screenshot(full_page=True, clip=clip, animations="disabled")))


def sheets(pictures, count, scale):
    """Yield pictures side by side, `count` at a time, made smaller."""
    pictures = [p.resize((round(p.width * scale), round(p.height * scale)), Image.Resampling.LANCZOS) for p in pictures]
    for start in range(0, len(pictures), count):
        row = pictures[start : start + count]
        sheet = Image.new("RGB", (sum(p.width + GAP for p in row) - GAP, max(p.height for p in row)), "#808080")
        left = 0
        for picture in row:
            sheet.paste(picture, (left, 0))
            left += picture.width + GAP
        yield sheet


def photograph(browser, address, name, target=TARGET):
    """Write all sheets of one page; return their paths."""
    written = []
    for size, scheme in ((size, scheme) for size in SIZES for scheme in SCHEMES):
        with Visit(browser, f"{address}/{name}.html", viewport=SIZES[size], color_scheme=scheme) as visit:
            visit.read_on()
            pictures = list(columns(visit.page, round(HEIGHT / SCALE[size])))
        for number, sheet in enumerate(sheets(pictures, COLUMNS[size], SCALE[size]), 1):
            path = target / f"{name.replace('/', '-')}-{size}-{scheme}-{number}.png"
            sheet.save(path)
            written.append(path)
    return written


def main():
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pages", nargs="*", help="such as chapters/shapes; all pages if omitted")
    chosen = parser.parse_args().pages
    if not chosen:
        shutil.rmtree(TARGET, ignore_errors=True)
    TARGET.mkdir(parents=True, exist_ok=True)
    with served(SITE) as address, launched() as browser:
        names = chosen or [*checker.pages(BOOK / "_toc.yml"), "search", "404"]
        for name in tqdm([name for name in names if (SITE / f"{name}.html").exists()], unit="page"):
            photograph(browser, address, name)
    print(f"{len(list(TARGET.glob('*.png')))} pictures in {TARGET.relative_to(BOOK)}")


if __name__ == "__main__":
    main()
