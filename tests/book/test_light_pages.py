"""Pages are sent what they use: pictures as WebP, the icons in use, no script that a page has no need of."""

import io
import re
from pathlib import Path

import pydata_sphinx_theme
import pytest
from fontTools.ttLib import TTFont
from PIL import Image, ImageChops, ImageDraw, ImageStat

from _ext import light_pages
from tools.notebooks import BOOK


def png(image):
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def opened(data):
    return Image.open(io.BytesIO(data))


def test_a_drawing_loses_nothing():
    drawing = Image.new("RGB", (400, 200), "white")
    drawing.paste("#0072b2", (50, 50, 150, 150))
    data = light_pages.smaller(png(drawing))
    assert opened(data).format == "WEBP"
    assert ImageChops.difference(opened(data).convert("RGB"), drawing).getbbox() is None
    assert len(data) < len(png(drawing))


def test_a_drawing_of_many_shades_keeps_its_colours():
    """More shades than 256 stand on smooth edges; no eye sees the difference."""
    drawing = Image.new("RGB", (1600, 800), "white")
    drawing.paste("#0072b2", (200, 200, 900, 600))
    pen = ImageDraw.Draw(drawing)
    for k, color in enumerate(("#bd4b00", "#00664c", "#5c1a6c")):
        pen.ellipse((100 + 300 * k, 100, 700 + 300 * k, 700), outline=color, width=9)
    drawing = drawing.resize((400, 200), Image.Resampling.LANCZOS)
    assert len(drawing.getcolors(light_pages.COLORS)) > 256
    difference = ImageChops.difference(opened(light_pages.smaller(png(drawing))).convert("RGB"), drawing)
    assert max(ImageStat.Stat(difference).mean) < 0.5
    assert max(high for _, high in difference.getextrema()) < 60


def test_a_photograph_gets_much_smaller_and_stays_itself():
    ramp = Image.radial_gradient("L").resize((400, 300))
    noise = Image.effect_noise((400, 300), 40)
    photograph = Image.merge("RGB", (ramp, noise, ImageChops.invert(ramp)))
    data = light_pages.smaller(png(photograph))
    assert len(data) < len(png(photograph)) / 2
    _, high = ImageChops.difference(opened(data).convert("RGB"), photograph).convert("L").getextrema()
    assert 0 < high < 80  # something is lost, and not much


def test_a_rule_that_nothing_uses_goes():
    style = (
        '/*! A licence */.fa-bars:before,.fa-navicon:before{content:"\\f0c9"}/* a remark */.fa-atom:before{content:"\\f5d2"}'
        "@media print{.gone{color:red}p{color:blue}}.kept:not(.gone) .also,[class~=gone]{color:red}.kept .gone{color:red}"
    )
    assert light_pages.without_unused(style, {"fa-bars", "kept", "also"}) == (
        '/*! A licence */\n.fa-bars:before{content:"\\f0c9"}'
        "@media print{p{color:blue}}.kept:not(.gone) .also,[class~=gone]{color:red}"
    )


def test_classes_are_found_in_pages_and_scripts():
    found = light_pages.words(['<i class="fa-solid fa-bars">', 'el.className="fas fa-sun"'])
    assert {"fa-solid", "fa-bars", "fas", "fa-sun"} <= found


def test_icons_are_found_as_codes_and_as_signs():
    style = '.fa-bars:before{content:"\\f0c9"}html{--pencil:"\uf303"}q:before{content:"\\201c"}'
    assert light_pages.icons([style, 'a:after{content:"\\f107"}']) == {0xF0C9, 0xF303, 0xF107}


def test_the_site_has_every_icon_that_it_uses(site):
    fonts = site / "_static/vendor/fontawesome/webfonts"
    brands, font = (TTFont(fonts / f"fa-{name}.woff") for name in ("brands-400", "solid-900"))
    (theme,) = Path(pydata_sphinx_theme.__file__).parent.rglob("pydata-sphinx-theme.css")
    named = {}
    for rule in light_pages.RULE.finditer(theme.read_text("utf8")):
        if glyph := re.search(r'content:"\\(f[0-9a-f]{3})"', rule["style"]):
            named |= dict.fromkeys(re.findall(r"\.(fa-[\w-]+)", rule["selectors"]), int(glyph[1], 16))
    drawn = light_pages.words(page.read_text("utf8") for page in site.rglob("*.html")) & set(named)
    assert {"fa-bars", "fa-download", "fa-magnifying-glass", "fa-moon", "fa-sun"} <= drawn
    assert {name for name in drawn if named[name] not in font.getBestCmap()} == set()
    assert {0xF303, 0xF064} <= set(font.getBestCmap())  # before an exercise, and beside "See also"
    assert 0xF09B in brands.getBestCmap()  # before a link to GitHub
    assert len(font.getBestCmap()) < 60
    assert sorted(path.name for path in fonts.iterdir()) == ["fa-brands-400.woff", "fa-solid-900.woff"]


def test_no_page_loads_what_it_does_not_use(site):
    pages = {page.relative_to(site).as_posix(): page.read_text("utf8") for page in site.rglob("*.html")}
    assert not [name for name, text in pages.items() if "fontawesome.js" in text]
    assert [name for name, text in pages.items() if "searchindex.js" in text] == ["search.html"]
    assert "exercise.css" in pages["chapters/pooling.html"]
    assert "exercise.css" not in pages["chapters/api.html"]
    assert not list(site.rglob("*.map"))
    assert "d-none" in (BOOK / "chapters/pooling.ipynb").read_text("utf8")
    assert not [name for name, text in pages.items() if '<p class="d-none">' in text]


@pytest.mark.parametrize("name", ["intro", "chapters/pooling"])
def test_pictures_are_webp_and_state_their_shape(site, name):
    images = re.findall(r"<img [^>]*_images/[^>]*>", (site / f"{name}.html").read_text("utf8"))
    assert images
    for image in images:
        assert re.search(r'src="[./]*_images/\w+\.webp" width="\d+" height="\d+"', image), image
    assert not list((site / "_images").glob("*.png"))
