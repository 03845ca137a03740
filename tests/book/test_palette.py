"""The palette: the site has the figures' colours, and they are legible and apart, also for colour-blind eyes."""

import re
from itertools import combinations

import numpy as np
import pytest
from colorspacious import cspace_convert
from matplotlib.colors import to_rgb

from lectcode.figures import canvas
from tools.notebooks import BOOK

STYLE = (BOOK / "_static/book.css").read_text("utf8")
HUES = ("blue", "orange", "green", "purple")
NAMES = (*HUES, "ink", "grey", "pale", "ground")
# Behind text stand the page itself and the theme's ground of listings (--pst-color-surface).
GROUNDS = {"light": ("#ffffff", "#f3f4f5"), "dark": ("#121212", "#29313d")}
TEXT, GRAPHICS = 4.5, 3.0  # least contrasts of WCAG 2.2, success criteria 1.4.3 and 1.4.11
# Least distances in CAM02-UCS, where 1 is about what an eye just tells apart. Tritanopia is rarer than 1 in 10 000.
APART = {None: 20, "deuteranomaly": 12, "protanomaly": 12, "tritanomaly": 9}


def palette(theme, style=STYLE):
    """Return the colours that the style sheet gives a theme, from a name to #rrggbb."""
    (rules,) = re.findall(rf'^html\[data-theme="{theme}"\] \{{\n((?:  --book-.*\n)+)\}}', style, re.M)
    return dict(re.findall(r"--book-(\w+): (#[0-9a-f]{6});", rules))


def luminance(color):
    rgb = np.array(to_rgb(color))
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722]


def contrast(one, two):
    darker, lighter = sorted((luminance(one), luminance(two)))
    return (lighter + 0.05) / (darker + 0.05)


def seen(color, deficiency):
    """Return where a colour lies in CAM02-UCS for an eye that lacks one kind of cone."""
    rgb = to_rgb(color)
    if deficiency:
        space = {"name": "sRGB1+CVD", "cvd_type": deficiency, "severity": 100}
        rgb = np.clip(cspace_convert(rgb, space, "sRGB1"), 0, 1)
    return cspace_convert(rgb, "sRGB1", "CAM02-UCS")


def mixed_up(colors):
    """Return which pairs of colours some eye tells apart badly, a line each."""
    found = []
    for deficiency, least in APART.items():
        places = {name: seen(color, deficiency) for name, color in colors.items()}
        for one, two in combinations(places, 2):
            distance = np.linalg.norm(places[one] - places[two])
            if distance < least:
                found.append(f"{one} and {two} are {distance:.1f} apart with {deficiency or 'all cones'}")
    return found


def illegible(colors, grounds):
    """Return which hues lack contrast on a ground, a line each."""
    return [
        f"{name} has contrast {contrast(colors[name], ground):.2f} on {ground}"
        for name in (*HUES, "ink")
        for ground in (*grounds, colors["ground"])
        if contrast(colors[name], ground) < TEXT
    ]


def test_black_and_white_have_the_contrast_of_the_standard():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("theme", GROUNDS)
def test_each_theme_has_every_colour(theme):
    assert sorted(palette(theme)) == sorted(NAMES)


def test_light_pages_have_the_colours_of_the_figures():
    figures = {name: getattr(canvas, name.upper()) for name in NAMES if name != "ground"}
    assert palette("light") == figures | {"ground": "#ffffff"}


@pytest.mark.parametrize("theme", GROUNDS)
def test_colours_are_apart_for_every_eye(theme):
    colors = palette(theme)
    assert mixed_up({name: colors[name] for name in (*HUES, "ink")}) == []


@pytest.mark.parametrize("theme", GROUNDS)
def test_colours_are_legible(theme):
    colors = palette(theme)
    assert illegible(colors, GROUNDS[theme]) == []
    assert contrast(colors["grey"], colors["ground"]) >= GRAPHICS
    assert contrast(colors["ink"], colors["pale"]) >= TEXT


@pytest.mark.parametrize("theme", GROUNDS)
def test_numbers_are_legible_on_the_tints(theme):
    colors = palette(theme)
    tints = dict(re.findall(r"--book-(\w+)-tint: color-mix\(in srgb, var\(--book-\1\) (\d+)%", STYLE))
    assert sorted(tints) == sorted(HUES)
    for hue, share in tints.items():
        part = int(share) / 100
        tint = part * np.array(to_rgb(colors[hue])) + (1 - part) * np.array(to_rgb(colors["ground"]))
        assert contrast(colors["ink"], tint) >= TEXT, hue


def test_bad_colours_are_seen():
    """Blue and the purple that figures once had look alike without the cones for green; that orange was too light."""
    colors = palette("light") | {"purple": "#7a3b94", "orange": "#d55e00"}
    assert mixed_up({hue: colors[hue] for hue in HUES}) == ["blue and purple are 7.0 apart with deuteranomaly"]
    assert illegible(colors, GROUNDS["light"])[0] == "orange has contrast 3.87 on #ffffff"
