"""The explorers of the built site, in a real browser: each number they show is compared with Python's."""

import numpy as np
import pytest
from playwright.sync_api import expect

from lectcode import conv2d
from tests.book.test_browser import Visit, address, browser  # noqa: F401 (fixtures)

pytestmark = pytest.mark.browser
rng = np.random.default_rng(5)

CELLS = """grid => [...grid.querySelectorAll("[role=row]:not(.heads)")].map(row =>
    [...row.querySelectorAll(".cell")].map(cell =>
        [cell.dataset.value, cell.querySelector("input")?.value ?? cell.textContent]))"""
PLACES = "cells => cells.map(cell => cell.dataset.place.split(',').map(Number))"
PUT = """([tag, start]) => {
    document.querySelector("#tested")?.remove();
    const element = document.createElement(tag);
    element.id = "tested";
    element.setAttribute("start", start);
    document.querySelector("h1").after(element);
}"""


def encoded(**state):
    """Write a state as the explorers' addresses do: H.5_W.6_I.1.2.3."""
    return "_".join(".".join([name, *map(str, np.ravel(value))]) for name, value in state.items())


def numbers(explorer, grid):
    """Return the exact numbers of a grid, after comparing what is written in its cells with them."""
    rows = explorer.locator(f'[data-grid="{grid}"]').evaluate(CELLS)
    exact = np.array([[float(value) for value, _ in row] for row in rows])
    shown = np.array([[float(text.replace("\N{MINUS SIGN}", "-")) for _, text in row] for row in rows])
    assert np.abs(exact - shown).max() <= 0.005, f"{grid} shows {shown} for {exact}"
    return exact


def marked(explorer, grid, mark):
    """Return the places of a grid that have a mark."""
    found = explorer.locator(f'[data-grid="{grid}"] .cell.{mark}').evaluate_all(PLACES)
    return [tuple(place) for place in found]


def put(visit, tag, state):
    """Put a fresh explorer, at a state, on top of a page that has another one."""
    visit.page.evaluate(PUT, [tag, state])
    return visit.page.locator("#tested")


def refuses(explorer, error):
    """Assert that an explorer shows Python's sentence and no picture."""
    sentence = str(error)
    expect(explorer.locator(".explorer-rule")).to_have_text(sentence[0].upper() + sentence[1:] + ".")
    for part in (".explorer-stage", ".explorer-sum", ".explorer-legend"):
        expect(explorer.locator(part)).to_be_hidden()


def layers():
    """Return sizes of a convolution: a remainder, gaps, dilation, the smallest, the largest, and random ones."""
    chosen = [(9, 5, 3, 3, 1, 3, 1), (8, 7, 2, 1, 0, 4, 1), (7, 9, 3, 2, 2, 2, 2), (1, 1, 1, 1, 0, 1, 1)]
    chosen += [(9, 9, 5, 5, 3, 1, 3), (2, 9, 3, 3, 0, 1, 1), (9, 2, 3, 3, 0, 1, 2)]
    least, most = [1, 1, 1, 1, 0, 1, 1], [9, 9, 5, 5, 3, 4, 3]
    return chosen + rng.integers(least, most, (60, 7), endpoint=True).tolist()


def test_convolution_shows_what_lectcode_computes(browser, address):  # noqa: F811
    impossible = 0
    with Visit(browser, f"{address}/chapters/conv-forward.html") as visit:
        for H, W, Kh, Kw, P, S, D in layers():
            I, F = rng.integers(-99, 100, (1, 1, H, W)), rng.integers(-9, 10, (1, 1, Kh, Kw))
            B = rng.integers(-9, 10, 1)
            state = encoded(H=H, W=W, Kh=Kh, Kw=Kw, P=P, S=S, D=D, B=B, I=I, F=F)
            explorer = put(visit, "convolution-explorer", state)
            try:
                O = conv2d(I, F, B, stride=S, padding=P, dilation=D)
            except ValueError as error:
                impossible += 1
                refuses(explorer, error)
                continue
            assert np.array_equal(numbers(explorer, "O"), O[0, 0]), state
            assert np.array_equal(numbers(explorer, "I_pad"), np.pad(I[0, 0], P)), state
            assert np.array_equal(numbers(explorer, "F"), F[0, 0]), state
            assert np.array_equal(numbers(explorer, "B"), [B]), state
    assert 5 < impossible < 40
    assert visit.troubles == []
