"""The explorers of the built site, in a real browser: each number they show is compared with Python's.

A check is a function that opens pages and asserts. Each runs on the site as it is, and on sites with a planted fault,
where it must fail.
"""

import gzip
import mimetypes
import re
from functools import partial

import numpy as np
import pytest
from playwright.sync_api import TimeoutError as NothingHappened
from playwright.sync_api import expect

from lectcode import (
    avg_pool2d,
    avg_pool2d_backward,
    conv2d,
    conv2d_backward,
    data,
    max_pool2d,
    max_pool2d_backward,
    output_size,
    reference,
)
from tests.book import faults
from tools import site as contents
from tools.browser import SIZES, Visit
from tools.notebooks import BOOK

pytestmark = pytest.mark.browser

HOMES = {  # where the explorers stand
    "intro": ("explore", "convolution-explorer"),
    "chapters/shapes": ("sizes", "convolution-explorer"),
    "chapters/conv-forward": ("forward", "convolution-explorer"),
    "chapters/conv-gradients": ("gradients", "gradient-explorer"),
    "chapters/conv-gradient-input": ("input-gradient", "gradient-explorer"),
    "chapters/pooling": ("pooling", "pooling-explorer"),
    "chapters/receptive-field": ("field", "receptive-field-explorer"),
}
LARGEST = {  # what needs most room
    "convolution-explorer": "H.9_W.9_Kh.5_Kw.5_P.3_S.1_B.-9999",
    "gradient-explorer": "H.9_W.9_Kh.5_Kw.5_P.3_S.1_view.scatter",
    "pooling-explorer": "H.9_W.9_K.4_P.3_S.1_kind.average",
    "receptive-field-explorer": "H.64_K.7.7.7.7.7.7_S.1.1.1.1.1.1_D.1.1.1.1.1.1_P.3.3.3.3.3.3_h.20",
}
STATES = {  # what else an explorer can show: views, marks, sentences
    "convolution-explorer": ["H.9_W.8_P.2_S.4_B.7", "H.7_W.7_Kh.3_Kw.3_P.0_S.3_D.2", "H.2_Kh.5_P.0"],
    "gradient-explorer": ["of.F_at.1.1", "of.B", "view.scatter_P.2_S.3", "H.2_Kh.5_P.0"],
    "pooling-explorer": ["I.2.2.2.2.2.2_H.2_W.3_K.2", "kind.average_padding.left-out_P.1", "of.I_at.1.1", "K.4_P.4"],
    "receptive-field-explorer": ["H.25_K.3.2_S.1.1_D.3.5_P.0.0_h.7", "H.5_K.7.7_S.1.1_D.1.1_P.0.0"],
}
SIGNS = str.maketrans({"\N{MINUS SIGN}": "-", "\N{INFINITY}": "inf", "\N{MIDDLE DOT}": "*", "\N{THIN SPACE}": " "})
SIGNS |= str.maketrans({"k": "e3", "M": "e6", "G": "e9"})
CELLS = """grid => [...grid.querySelectorAll("[role=row]:not(.heads)")].map(row =>
    [...row.querySelectorAll(".cell")].map(cell =>
        [cell.dataset.value, cell.querySelector("input")?.value ?? cell.textContent]))"""
PLACES = "cells => cells.map(cell => cell.dataset.place.split(',').map(Number))"
UNITS = "units => units.map(unit => +unit.dataset.unit.split(',')[1])"
RENAME = "state => history.replaceState(null, '', `?tested=${state}`)"
PUT = """([tag, start]) => {
    document.querySelector("#tested")?.remove();
    const element = document.createElement(tag);
    element.id = "tested";
    element.setAttribute("start", start);
    document.querySelector("article h1").after(element);
}"""


@pytest.fixture
def visit(browser, address, published_site):
    """Return a function that visits a page; it may plant a fault, (old, new), in the script or the style sheet."""

    def visited(page, state="", fault=None, formulas=False, **context):
        name, _ = HOMES[page]
        visit = Visit(browser, f"{address}/{page}.html{state and f'?{name}={state}'}", **context)
        visit.page.set_default_timeout(1000 if fault else 5000)
        visit.page.set_default_navigation_timeout(60_000)
        if not formulas:  # they take a second each time
            visit.context.route("**/mathjax/*.js", lambda route: route.fulfill(body=""))
        if fault:
            (file,) = [
                file for file in (published_site / "_static").glob("explorers.*") if fault[0] in file.read_text("utf8")
            ]
            body, kind = file.read_text("utf8").replace(*fault), mimetypes.guess_type(file)[0]
            visit.context.route(f"**/{file.name}*", lambda route: route.fulfill(body=body, content_type=kind))
        return visit

    return visited


def encoded(**state):
    """Write a state as the explorers' addresses do: H.5_W.6_I.1.2.3."""
    return "_".join(".".join([name, *map(str, np.ravel(value))]) for name, value in state.items())


def numbers(explorer, grid):
    """Return the exact numbers of a grid, after comparing what is written in its cells with them."""
    rows = explorer.locator(f'[data-grid="{grid}"]').evaluate(CELLS)
    exact = np.array([[float(value) for value, _ in row] for row in rows])
    shown = np.array([[float(text.translate(SIGNS)) for _, text in row] for row in rows])
    digits = np.select(
        [np.abs(exact) < bound for bound in (100, 1000, 9999.5, 999.5e3, 999.5e6)], [2, 1, 0, -3, -6], -9
    )
    assert np.isclose(exact, shown, rtol=0, atol=0.5 * 10.0**-digits + 1e-9).all(), f"{grid} shows {shown} for {exact}"
    return exact


def marked(explorer, grid, mark):
    """Return the places of a grid that have a mark."""
    found = explorer.locator(f'[data-grid="{grid}"] .cell.{mark}').evaluate_all(PLACES)
    return [tuple(place) for place in found]


def cell(explorer, grid, i, j):
    """Return what takes the focus at a place of a grid."""
    place = explorer.locator(f'[data-grid="{grid}"] [data-place="{i},{j}"]')
    return place.locator("input") if place.locator("input").count() else place


def put(visit, tag, state):
    """Put a fresh explorer, at a state, on top of a page that has another one."""
    visit.page.evaluate(PUT, [tag, state])
    explorer = visit.page.locator("#tested")
    assert explorer.locator(".explorer-frame").count() == 1, f"{tag} refuses the state {state!r}"
    return explorer


def alone(seen):
    """Leave nothing of a page but its title, so that the browser has little to lay out."""
    seen.page.evaluate("document.querySelector('article').replaceChildren(document.querySelector('article h1'))")


def refuses(explorer, error):
    """Assert that an explorer shows Python's sentence and no picture."""
    sentence = str(error)
    assert explorer.locator(".explorer-rule").inner_text() == sentence[0].upper() + sentence[1:] + "."
    for part in (".explorer-stage", ".explorer-sum", ".explorer-legend"):
        assert explorer.locator(part).is_hidden()


def layers(rng):
    """Return sizes of a convolution: a remainder, gaps, dilation, the smallest, the largest, and random ones."""
    chosen = [(9, 5, 3, 3, 1, 3, 1), (8, 7, 2, 1, 0, 4, 1), (7, 9, 3, 2, 2, 2, 2), (1, 1, 1, 1, 0, 1, 1)]
    chosen += [(9, 9, 5, 5, 3, 1, 3), (2, 9, 3, 3, 0, 1, 1), (9, 2, 3, 3, 0, 1, 2)]
    least, most = [1, 1, 1, 1, 0, 1, 1], [9, 9, 5, 5, 3, 4, 3]
    return chosen + rng.integers(least, most, (50, 7), endpoint=True).tolist()


def integers(rng, *shape):
    """Return whole numbers for the one picture or filter of a layer."""
    return rng.integers(-30, 31, (1, 1, *shape))


def used(axis_length, K, S, P, D=1):
    """Return for each row of a padded axis whether a window reads it, and the rows after the last window."""
    H_p = axis_length + 2 * P
    H_out = output_size(axis_length, K, stride=S, padding=P, dilation=D)
    read = {h * S + k * D for h in range(H_out) for k in range(K)}
    return [u in read for u in range(H_p)], range((H_out - 1) * S + (K - 1) * D + 1, H_p)


def convolution_equals_lectcode(visit):
    """Sizes, numbers, marks and sums, or the sentence of the error."""
    rng = np.random.default_rng(5)
    impossible = 0
    with visit("chapters/conv-forward") as seen:
        alone(seen)
        for H, W, Kh, Kw, P, S, D in layers(rng):
            I, F, B = integers(rng, H, W), integers(rng, Kh, Kw), rng.integers(-9, 10, 1)
            at = rng.integers(0, 9, 2)
            state = encoded(H=H, W=W, Kh=Kh, Kw=Kw, P=P, S=S, D=D, B=B, I=I, F=F, at=at)
            explorer = put(seen, "convolution-explorer", state)
            try:
                O = conv2d(I, F, B, stride=S, padding=P, dilation=D)[0, 0]
            except ValueError as error:
                impossible += 1
                refuses(explorer, error)
                continue
            assert np.array_equal(numbers(explorer, "O"), O), state
            assert np.array_equal(numbers(explorer, "I_pad"), np.pad(I[0, 0], P)), state
            assert np.array_equal(numbers(explorer, "F"), F[0, 0]), state
            assert np.array_equal(numbers(explorer, "B"), [B]), state
            h, w = np.minimum(at, np.array(O.shape) - 1)
            assert marked(explorer, "O", "active") == [(h, w)]
            window = [(h * S + k_h * D, w * S + k_w * D) for k_h, k_w in np.ndindex(Kh, Kw)]
            assert marked(explorer, "I_pad", "window") == window
            assert_sum(explorer, O[h, w])
            rows, columns = used(H, Kh, S, P, D), used(W, Kw, S, P, D)
            unread = [(u, v) for u, v in np.ndindex(H + 2 * P, W + 2 * P) if not (rows[0][u] and columns[0][v])]
            rest = [(u, v) for u, v in unread if u in rows[1] or v in columns[1]]
            assert marked(explorer, "I_pad", "remainder") == rest, state
            assert marked(explorer, "I_pad", "gap") == sorted(set(unread) - set(rest)), state
            sizes = explorer.locator(".explorer-size strong").all_inner_texts()
            assert sizes == [str(length) for length in O.shape]
    assert 5 < impossible < 40
    assert seen.troubles == []


def assert_sum(explorer, value):
    """Assert that the written products add up to a number, and that it stands at the end."""
    written = explorer.locator(".explorer-sum .line").all_inner_texts()
    *terms, last = [line.translate(SIGNS) for line in written]
    assert eval("".join(terms).removeprefix("=").strip()) == value
    assert float(last.split()[1].rstrip(",")) == value


TOO_WIDE = """cells => cells.filter(cell => {
    const text = document.createRange();
    text.selectNodeContents(cell);
    const input = cell.querySelector("input");
    return input ? input.scrollWidth > input.clientWidth : text.getBoundingClientRect().width > cell.offsetWidth;
}).map(cell => cell.querySelector("input")?.value ?? cell.textContent)"""


def long_numbers_fit(visit):
    """The longest numbers that a reader can make stand inside their cells, at the largest sizes, shortened to thousands."""
    rng = np.random.default_rng(3)
    I, F = (rng.integers(-9999, 9999, shape, endpoint=True) for shape in ((1, 1, 9, 9), (1, 1, 5, 5)))
    for viewport in SIZES.values():
        with visit("chapters/conv-forward", viewport=viewport) as seen:
            alone(seen)
            for scale in (1, 300, 9999):  # millions, thousands, fewer
                state = f"{LARGEST['convolution-explorer']}_{encoded(I=I // scale, F=F)}"
                explorer = put(seen, "convolution-explorer", state)
                O = conv2d(I // scale, F, np.array([-9999]), padding=3)[0, 0]
                assert np.array_equal(numbers(explorer, "O"), O)
                assert explorer.locator(".cell").evaluate_all(TOO_WIDE) == []


def gradients_equal_lectcode(visit):
    """Sizes, numbers, marks and sums, or the sentence of the error."""
    rng = np.random.default_rng(5)
    impossible = 0
    with visit("chapters/conv-gradients") as seen:
        alone(seen)
        for turn, (H, W, Kh, Kw, P, S, D) in enumerate(layers(rng)):
            I, F = integers(rng, H, W), integers(rng, Kh, Kw)
            sizes = {"H": H, "W": W, "Kh": Kh, "Kw": Kw, "P": P, "S": S, "D": D, "I": I, "F": F}
            geometry = {"stride": S, "padding": P, "dilation": D}
            try:
                O = conv2d(I, F, **geometry)
            except ValueError as error:
                impossible += 1
                refuses(put(seen, "gradient-explorer", encoded(**sizes)), error)
                continue
            G = integers(rng, *O.shape[2:])
            dI, dF, dB = conv2d_backward(G, I, F, **geometry)
            dI_pad = reference.conv2d_grad_padded_input(G, F, (H + 2 * P, W + 2 * P), stride=S, dilation=D)
            assert np.array_equal(dI, dI_pad[:, :, P : P + H, P : P + W])
            of, at = "FIB"[turn % 3], rng.integers(0, 15, 2)
            explorer = put(seen, "gradient-explorer", encoded(**sizes, G=G, of=of, at=at))
            wanted = {"I_pad": np.pad(I[0, 0], P), "F": F[0, 0], "G": G[0, 0]}
            wanted |= {"dI_pad": dI_pad[0, 0], "dF": dF[0, 0], "dB": dB[None]}
            for grid, array in wanted.items():
                assert np.array_equal(numbers(explorer, grid), array), (grid, sizes)
            gradient = {"F": "dF", "I": "dI_pad", "B": "dB"}[of]
            ((i, j),) = marked(explorer, gradient, "active")
            assert (i, j) == tuple(np.minimum(at, np.array(wanted[gradient].shape) - 1))
            touched = [place for place in np.ndindex(*G.shape[2:]) if reaches(of, (i, j), place, (Kh, Kw), S, D)]
            assert marked(explorer, "G", "window") == touched, sizes
            if touched:
                assert_sum(explorer, wanted[gradient][i, j])
            else:
                expect(explorer.locator(".explorer-sum")).to_contain_text("an empty sum: no window reads this entry")
                assert wanted[gradient][i, j] == 0

            h, w = rng.integers(0, O.shape[2:])
            one = np.zeros_like(G)
            one[0, 0, h, w] = G[0, 0, h, w]
            explorer = put(seen, "gradient-explorer", encoded(**sizes, G=G, view="scatter", g=(h, w)))
            _, dF, dB = conv2d_backward(one, I, F, **geometry)
            dI_pad = reference.conv2d_grad_padded_input(one, F, (H + 2 * P, W + 2 * P), stride=S, dilation=D)
            for grid, array in {"dI_pad": dI_pad[0, 0], "dF": dF[0, 0], "dB": dB[None], "G": G[0, 0]}.items():
                assert np.array_equal(numbers(explorer, grid), array), (grid, sizes, h, w)
            window = [(h * S + k_h * D, w * S + k_w * D) for k_h, k_w in np.ndindex(Kh, Kw)]
            assert marked(explorer, "dI_pad", "window") == marked(explorer, "I_pad", "window") == window
    assert 5 < impossible < 40
    assert seen.troubles == []


def reaches(of, entry, place, kernel_size, S, D):
    """Say whether an entry of the filter (F), the padded input (I) or the bias (B) has touched an output."""
    if of != "I":
        return True
    return any(
        (place[0] * S + k_h * D, place[1] * S + k_w * D) == tuple(entry) for k_h, k_w in np.ndindex(*kernel_size)
    )


def pooling_equals_lectcode(visit):
    """Sizes, numbers, marks and sums, or the sentence of the error."""
    rng = np.random.default_rng(5)
    least, most = [1, 1, 1, 1, 0], [9, 9, 4, 4, 4]
    chosen = [(5, 5, 3, 2, 0), (5, 8, 2, 3, 0), (4, 6, 2, 2, 1), (3, 3, 2, 1, 2), (2, 9, 3, 1, 0)]
    impossible = ties = 0
    with visit("chapters/pooling") as seen:
        alone(seen)
        for turn, (H, W, K, S, P) in enumerate(chosen + rng.integers(least, most, (50, 5), endpoint=True).tolist()):
            I = rng.integers(-3, 4, (1, 1, H, W)).astype(float)  # few numbers, many ties
            sizes = {"H": H, "W": W, "K": K, "S": S, "P": P, "I": I.astype(int)}
            try:
                largest = max_pool2d(I, K, S, P)
            except ValueError as error:
                impossible += 1
                refuses(put(seen, "pooling-explorer", encoded(**sizes)), error)
                continue
            G, at = integers(rng, *largest.shape[2:]).astype(float), rng.integers(0, 9, 2)
            state = encoded(**sizes, G=G.astype(int), of="OI"[turn % 2], at=at)
            explorer = put(seen, "pooling-explorer", f"{state}_kind.max")
            assert np.array_equal(numbers(explorer, "O"), largest[0, 0]), state
            assert np.array_equal(numbers(explorer, "I_pad"), np.pad(I[0, 0], P, constant_values=-np.inf)), state
            assert np.array_equal(numbers(explorer, "dI"), max_pool2d_backward(G, I, K, S, P)[0, 0]), state
            if turn % 2 == 0:
                ties += winner_and_ties_are_right(
                    explorer, I[0, 0], *np.minimum(at, np.array(largest.shape[2:]) - 1), K, S, P
                )
            for padding in ("counts", "left-out"):
                explorer = put(seen, "pooling-explorer", f"{state}_kind.average_padding.{padding}")
                rule = {"count_include_pad": padding == "counts"}
                average, back = avg_pool2d(I, K, S, P, **rule), avg_pool2d_backward(G, I, K, S, P, **rule)
                assert np.allclose(numbers(explorer, "O"), average[0, 0], rtol=0, atol=1e-12), state
                assert np.allclose(numbers(explorer, "dI"), back[0, 0], rtol=0, atol=1e-12), state
                assert np.array_equal(numbers(explorer, "I_pad"), np.pad(I[0, 0], P)), state
    assert 5 < impossible < 40
    assert ties > 3
    assert seen.troubles == []


def winner_and_ties_are_right(explorer, I, h, w, K, S, P):
    """Assert that the first largest number of a window is the winner; return whether there was a tie."""
    inside = [(u, v) for u, v in np.ndindex(I.shape) if 0 <= u + P - h * S < K and 0 <= v + P - w * S < K]
    first, *others = [(u, v) for u, v in inside if I[u, v] == max(I[place] for place in inside)]
    moved = [(u + P, v + P) for u, v in (first, *others)]
    assert marked(explorer, "I_pad", "winner") == moved[:1]
    assert marked(explorer, "I_pad", "tie") == moved[1:]
    assert marked(explorer, "dI", "window") == [first]
    words = explorer.locator(".explorer-sum").inner_text()
    assert ("the first in row-major order wins" in words) == bool(others)
    return bool(others)


def stacks(rng):
    """Return stacks of layers: those of the page, holes, padding at every depth, and random ones."""
    chosen = [
        (15, 1, [3, 3, 3], [2, 1, 1], [1, 1, 1], [0, 0, 0]),
        (25, 7, [3, 2], [1, 1], [3, 5], [0, 0]),
        (32, 1, [3, 3, 2, 3, 3, 2], [1, 1, 2, 1, 1, 2], [1] * 6, [1, 1, 0, 1, 1, 0]),
        (5, 0, [3, 3, 3], [1, 1, 1], [1, 1, 1], [0, 0, 0]),
    ]
    for _ in range(40):
        J = rng.integers(1, 7)
        parts = [rng.integers(1, 8, J), rng.integers(1, 3, J), rng.integers(1, 4, J), rng.integers(0, 5, J)]
        chosen.append((rng.integers(5, 65), rng.integers(0, 30), *[part.tolist() for part in parts]))
    return chosen


def receptive_field_equals_lectcode(visit):
    """Sizes, numbers, marks and sums, or the sentence of the error."""
    rng = np.random.default_rng(5)
    impossible = 0
    with visit("chapters/receptive-field") as seen:
        alone(seen)
        for H, h, k, s, d, p in stacks(rng):
            explorer = put(seen, "receptive-field-explorer", encoded(H=H, K=k, S=s, D=d, P=p, h=h))
            r, e, a = reference.receptive_field(k, s, d, p)
            for name, column in {"r": r, "e": e, "a": a}.items():
                texts = explorer.locator(f'[data-number="{name}"]').all_inner_texts()
                assert [int(text.translate(SIGNS)) for text in texts] == column
            try:
                lengths = [H]
                for K, S, D, P in zip(k, s, d, p, strict=True):
                    lengths.append(output_size(lengths[-1], K, stride=S, dilation=D, padding=P))
            except ValueError as error:
                impossible += 1
                refuses(explorer, f"in layer {len(lengths) - 1}, {error}")
                continue
            texts = explorer.locator('[data-number="length"]').all_inner_texts()
            assert [int(text) for text in texts] == lengths
            h = min(h, lengths[-1] - 1)
            dI = np.eye(1, lengths[-1], h, dtype=int).reshape(1, 1, -1, 1)
            for depth in range(len(k), -1, -1):
                lit = explorer.locator(f'.used[data-unit^="{depth},"]').evaluate_all(UNITS)
                assert lit == dI.ravel().nonzero()[0].tolist(), (depth, H, h, k, s, d, p)
                if depth:
                    i, F = depth - 1, np.ones((1, 1, k[depth - 1], 1), dtype=int)
                    geometry = {"stride": (s[i], 1), "dilation": (d[i], 1), "padding": (p[i], 0)}
                    dI = reference.conv2d_grad_input(np.sign(dI), F, (lengths[i], 1), **geometry)
            begin = a[-1] + h * e[-1]
            words = explorer.locator(".explorer-sum").inner_text().replace("\N{MINUS SIGN}", "-")
            assert f"= {begin} to {begin} + {r[-1]} - 1 = {begin + r[-1] - 1}; its centre is" in words
            centre = begin + (r[-1] - 1) / 2
            inputs = (
                f"input {centre:g}." if centre % 1 == 0 else f"between inputs {centre - 0.5:g} and {centre + 0.5:g}."
            )
            assert words.split("its centre is ")[1].startswith(inputs)
    assert 3 < impossible < 30
    assert seen.troubles == []


def settled(seen, change):
    """Do something, and wait until the address has followed."""
    before = seen.page.url
    change()
    seen.page.wait_for_function("before => location.href !== before", arg=before)


def keys_reach_everything(visit):
    """A grid is one stop of the tab key; arrows walk in it and pick; typing changes a number, nonsense does not."""
    with visit("chapters/conv-forward") as seen:
        explorer, keys = seen.page.locator("#forward"), seen.page.keyboard
        output = explorer.get_by_role("grid", name="output O")
        slider = explorer.get_by_role("slider", name="W, width of the input")
        slider.focus()
        keys.press("ArrowRight")
        assert numbers(explorer, "I_pad").shape == (5, 7)
        keys.press("ArrowLeft")

        cell(explorer, "O", 1, 1).focus()
        keys.press("ArrowRight")
        assert marked(explorer, "O", "active") == [(1, 2)]
        assert output.locator("[aria-selected=true]").get_attribute("aria-label") == "row 1, column 2: 5"
        keys.press("ArrowRight")  # the last column
        assert marked(explorer, "O", "active") == [(1, 2)]
        keys.press("Control+Home")
        assert marked(explorer, "O", "active") == [(0, 0)]
        assert explorer.locator(".explorer-sum").inner_text().splitlines()[-1] == "= 4"
        keys.press("End")
        assert marked(explorer, "O", "active") == [(0, 2)]
        keys.press("Shift+Tab")
        assert seen.page.evaluate("document.activeElement.closest('[data-grid]').dataset.grid") == "B"
        keys.press("Shift+Tab")
        assert seen.page.evaluate("document.activeElement.closest('[data-grid]').dataset.grid") == "F"

        keys.press("Control+Home")
        keys.type("7")
        keys.press("ArrowDown")
        assert seen.page.evaluate("document.activeElement.getAttribute('aria-label')") == "row 1, column 0"
        keys.type("-20")
        keys.press("Enter")
        keys.type("x")
        keys.press("Tab")
        assert numbers(explorer, "F").tolist() == [[7, 0], [-20, -1], [0, 1]]
        F, I = np.array([[[[7, 0], [-20, -1], [0, 1]]]]), numbers(explorer, "I_pad").astype(int)[None, None]
        assert np.array_equal(numbers(explorer, "O"), conv2d(I, F, np.array([1]), stride=2)[0, 0])

        explorer.get_by_role("button", name="Reset").press("Enter")
        assert numbers(explorer, "F").tolist() == [[1, 0], [2, -1], [0, 1]]
        cell(explorer, "I_pad", 1, 1).focus()  # from one cell to another inside the frame of zeros
        keys.press("ArrowLeft")
        assert seen.page.evaluate("document.activeElement.getAttribute('aria-label')") == "row 1, column 0, padding: 0"


def pointers_pick_and_light(visit):
    """Pointing at an output picks it; pointing at one term lights the two numbers that it multiplies."""
    with visit("chapters/conv-forward") as seen:
        explorer = seen.page.locator("#forward")
        cell(explorer, "O", 0, 1).hover()
        assert marked(explorer, "I_pad", "window") == [(u, v) for u in (0, 1, 2) for v in (2, 3)]
        explorer.locator(".term").nth(3).hover()
        assert marked(explorer, "F", "is-pair") == [(1, 1)]
        assert marked(explorer, "I_pad", "is-pair") == [(1, 3)]
        cell(explorer, "F", 2, 0).hover()
        assert marked(explorer, "I_pad", "is-pair") == [(2, 2)]
    with visit("chapters/conv-gradient-input") as seen:
        explorer = seen.page.locator("#input-gradient")
        cell(explorer, "G", 1, 1).hover()
        assert marked(explorer, "F", "is-pair") == [(0, 0)]
        cell(explorer, "dF", 2, 1).hover()
        assert len(marked(explorer, "G", "window")) == 6
        explorer.get_by_role("button", name="Scatter").click()
        cell(explorer, "G", 1, 0).hover()
        assert marked(explorer, "dI_pad", "window") == [(u, v) for u in (2, 3, 4) for v in (0, 1)]


def links_come_back(visit):
    """What a reader sets is in the address, each explorer's under its own name, and the address brings it back."""
    with visit("chapters/conv-gradients") as seen:
        explorer = seen.page.locator("#gradients")
        assert "?" not in seen.page.url
        explorer.get_by_role("slider", name="H, height of the input").fill("6")
        explorer.get_by_role("slider", name="D, dilation").fill("2")
        cell(explorer, "F", 1, 1).fill("-7")
        cell(explorer, "G", 0, 1).fill("8")
        settled(seen, lambda: cell(explorer, "dI_pad", 3, 2).click())
        tested = put(seen, "convolution-explorer", "H.4_W.5")
        tested.get_by_role("button", name="Strided").click()
        cell(tested, "B", 0, 0).fill("-9999")
        cell(tested, "B", 0, 0).blur()
        seen.page.wait_for_function("location.search.includes('B.-9999')")
        link, state = seen.page.url, everything(explorer)
        other = everything(seen.page.locator("#tested"))
        assert "gradients=H.6_D.2_F.1.0.2.-7.0.1_G." in link
        assert "I." not in link.split("gradients=")[1].split("&")[0], "what was not changed is not in the address"
        seen.page.goto(f"{link}#gradients")
        seen.page.wait_for_load_state("networkidle")
        assert everything(seen.page.locator("#gradients")) == state
        assert everything(put(seen, "convolution-explorer", "H.4_W.5")) == other
        explorer.get_by_role("button", name="Reset").click()
        seen.page.wait_for_function("!location.search.includes('gradients=')")
        assert "tested=" in seen.page.url
    junk = "H.99_W.x_Kh._I.1.2_F_Q.1_at.5_of.Z__"
    with visit("chapters/conv-gradients", junk) as bad, visit("chapters/conv-gradients") as good:
        assert everything(bad.page.locator("#gradients")) == everything(good.page.locator("#gradients"))
        assert bad.troubles == []


def everything(explorer):
    """Return what a reader sees of an explorer: words, numbers, what is lit, and where the sliders are."""
    words = [explorer.locator(f".explorer-{part}").inner_text() for part in ("rule", "stage", "sum", "legend")]
    fields = explorer.locator("input").evaluate_all("fields => fields.map(field => field.value)")
    lit = explorer.locator(".cell").evaluate_all("cells => cells.map(cell => cell.className)")
    return words, fields, lit


def a_link_can_be_copied(visit):
    """The button puts an address on the clipboard that opens at the explorer."""
    with visit("chapters/pooling", permissions=["clipboard-read", "clipboard-write"]) as seen:
        explorer = seen.page.locator("#pooling")
        explorer.get_by_role("button", name="Average").click()
        explorer.get_by_role("button", name="Copy link").click()
        expect(explorer.get_by_role("status")).to_have_text("Link copied.", timeout=2000)
        link = seen.page.evaluate("navigator.clipboard.readText()")
        assert link.endswith("?pooling=kind.average#pooling")


SPOKEN = {
    "chapters/conv-forward": (
        ("O", 0, 2),
        "Output row 0, column 2 is 7: 1 times 0 plus 0 times 0 plus 2 times 3 plus minus 1 times 0 plus 0 times 0 "
        "plus 1 times 0, plus bias 1. The window begins at row 0, column 4 of the padded input.",
    ),
    "chapters/conv-gradients": (
        ("dF", 1, 1),
        "The gradient by F at row 1, column 1 is minus 1, from 6 outputs: 1 times 1 plus 2 times 0 plus minus 1 "
        "times 0 plus 3 times 0 plus minus 2 times 1 plus 1 times 0.",
    ),
    "chapters/conv-gradient-input": (
        ("dI_pad", 2, 3),
        "The gradient by the padded input at row 2, column 3 is minus 4, from 2 outputs: 2 times 1 plus "
        "minus 2 times 3.",
    ),
    "chapters/pooling": (
        ("O", 1, 0),
        "Output row 1, column 0 is the maximum 8. It stands in row 4, column 0 of the input, which gets all of G, 900.",
    ),
}


def screen_readers_hear(visit):
    """What is picked is said in a polite region, in words; nothing is said before a reader acts."""
    for page, (place, words) in SPOKEN.items():
        name, _ = HOMES[page]
        with visit(page) as seen:
            explorer = seen.page.locator(f"#{name}")
            status = explorer.get_by_role("status")
            assert status.inner_text() == ""
            assert status.get_attribute("aria-live") == "polite"
            settled(seen, cell(explorer, *place).focus)
            expect(status).to_have_text(words, timeout=2000)
            grids = explorer.get_by_role("grid").all()
            assert all(grid.get_attribute("aria-labelledby") for grid in grids)
            assert explorer.get_by_role("region").count() == 0
            assert seen.page.get_by_role("region", name=re.compile("explorer$")).count() == 1
    with visit("chapters/receptive-field") as seen:
        explorer = seen.page.locator("#field")
        settled(seen, lambda: explorer.get_by_role("slider", name="h, the output").press("ArrowRight"))
        words = "Output 2 sees inputs 4 to 14, size 11, centre input 9. 11 inputs read. Neighbours are 2 apart."
        expect(explorer.get_by_role("status")).to_have_text(words, timeout=2000)
        assert words in explorer.get_by_role("img").get_attribute("aria-label")
        explorer.get_by_role("spinbutton", name="kernel length of layer 1").fill("7")
        explorer.get_by_role("slider", name="H, length of the input").fill("5")
        expect(explorer.get_by_role("status")).to_contain_text("does not fit", timeout=2000)


def layers_can_be_added_and_removed(visit):
    """The stack grows and shrinks, up to six layers and down to one."""
    with visit("chapters/receptive-field") as seen:
        explorer = seen.page.locator("#field")
        more = explorer.get_by_role("button", name="Add a layer")
        more.click()
        assert [int(text) for text in explorer.locator('[data-number="r"]').all_inner_texts()] == [1, 3, 7, 11, 15]
        more.click()
        more.click()
        assert more.is_disabled()
        for _ in range(5):
            explorer.get_by_role("button", name="Remove layer 0").click()
        assert explorer.get_by_role("button", name="Remove layer 0").is_disabled()
        assert [int(text) for text in explorer.locator('[data-number="r"]').all_inner_texts()] == [1, 3]


def examples_work(visit):
    """Each example is possible, and what it writes into the address brings back the same."""
    for page in list(HOMES)[2:]:
        name, tag = HOMES[page]
        with visit(page) as seen:
            explorer = seen.page.locator(f"#{name}")
            start = explorer.get_attribute("start")
            examples = explorer.get_by_role("group", name="Examples").get_by_role("button")
            assert examples.count() >= 4
            for example in examples.all():
                settled(seen, example.click)
                assert explorer.locator(".explorer-stage").is_visible()
                assert explorer.get_by_role("status").inner_text().startswith(f"{example.inner_text()}. ")
                written = re.search(f"{name}=([^&#]*)", seen.page.url)
                seen.page.evaluate(RENAME, written[1] if written else "")
                again = put(seen, tag, start)
                assert everything(again) == everything(explorer)
            assert seen.troubles == []


def fits_a_phone_and_a_finger(visit):
    """At 390 pixels nothing widens the page, not even the largest sizes, and a tap picks."""
    for page in list(HOMES)[-4:]:
        name, tag = HOMES[page]
        with visit(page, LARGEST[tag], formulas=True, viewport=SIZES["phone"], has_touch=True) as seen:
            explorer = seen.page.locator(f"#{name}")
            assert explorer.locator(".explorer-stage").is_visible()
            assert seen.page.evaluate("document.documentElement.scrollWidth") == 390, page
            assert explorer.locator("*").evaluate_all("all => all.filter(one => one.scrollWidth > 390).length") == 0
            sizes = explorer.locator(".cell").evaluate_all("cells => cells.map(cell => cell.offsetWidth)")
            assert min(sizes, default=20) >= 20
    with visit(
        "chapters/conv-forward", LARGEST["convolution-explorer"], viewport=SIZES["phone"], has_touch=True
    ) as seen:
        explorer = seen.page.locator("#forward")
        assert seen.page.evaluate("document.documentElement.scrollWidth") == 390
        cell(explorer, "O", 0, 2).tap()
        assert marked(explorer, "O", "active") == [(0, 2)]
        cell(explorer, "F", 0, 0).tap()
        seen.page.keyboard.type("3")
        assert numbers(explorer, "F")[0, 0] == 3


def axe_finds_nothing_in_any_state(visit):
    """As a reader meets it, at its largest, in each view, where it is impossible, and while a term is lit."""
    kinds = {tag: page for page, (_, tag) in HOMES.items()}  # one chapter for each
    for page in ("intro", *kinds.values()):
        name, tag = HOMES[page]
        with visit(page) as seen:
            if page != "intro":  # its explorer, alone, shades its cells
                alone(seen)
            for viewport, scheme in zip(SIZES.values(), ("light", "dark"), strict=True):
                seen.page.set_viewport_size(viewport)
                seen.page.emulate_media(color_scheme=scheme)
                seen.page.wait_for_function("scheme => document.documentElement.dataset.theme === scheme", arg=scheme)
                for state in [None] if page == "intro" else ["", LARGEST[tag], *STATES[tag]]:
                    explorer = seen.page.locator(f"#{name}") if state is None else put(seen, tag, state)
                    found = faults.of_accessibility(seen.page, f"#{explorer.get_attribute('id')}")
                    if state != "" and light_a_term(explorer):
                        found += faults.of_accessibility(seen.page, f"#{explorer.get_attribute('id')}")
                    assert found == [], (page, scheme, state)


def light_a_term(explorer):
    """Point at a term of the written sum; say whether there is one."""
    term = explorer.locator(".term").first
    if term.is_visible():
        term.hover()
        expect(explorer.locator(".is-pair").first).to_be_visible()
        return True
    return False


def words_are_left_without_scripts(visit):
    """Without scripts a sentence and the static figure stand there; paper has the figure only."""
    for page, (name, _) in HOMES.items():
        with visit(page, java_script_enabled=False) as seen:
            explorer = seen.page.locator(f"#{name}")
            assert explorer.inner_text().startswith("On the website, an explorer stands here")
            assert explorer.locator(".explorer-frame").count() == 0
            before = explorer.locator("xpath=preceding::figure[1]//img")
            assert before.is_visible()
            assert len(before.get_attribute("alt")) > 40
    with visit("intro") as seen:
        figure = seen.page.locator("#fig-landing-window")
        assert figure.is_hidden()
        assert seen.page.locator("#explore").is_visible()
        seen.page.emulate_media(media="print")
        assert figure.is_visible()
        assert seen.page.locator("#explore").is_hidden()


def nothing_moves_for_who_asks(visit):
    """Cells change their colour at once for readers who asked for less motion."""
    duration = "getComputedStyle(document.querySelector('#forward .cell')).transitionDuration"
    with visit("chapters/conv-forward", reduced_motion="reduce") as seen:
        assert seen.page.evaluate(duration) == "0s"
    with visit("chapters/conv-forward") as seen:
        assert seen.page.evaluate(duration) != "0s"


def windows_walk(visit):
    """Play goes to the last output and stops, also when a reader acts; with less motion there is one step at a time."""
    with visit("chapters/conv-forward", "at.0.1") as seen:
        explorer = seen.page.locator("#forward")
        explorer.get_by_role("button", name="Play").click()
        expect(explorer.get_by_role("button", name="Pause")).to_be_visible(timeout=1000)
        cell(explorer, "O", 0, 0).click()
        expect(explorer.get_by_role("button", name="Play")).to_be_visible(timeout=1000)
        assert marked(explorer, "O", "active") == [(0, 0)]
        explorer.get_by_role("button", name="Play").click()
        expect(explorer.get_by_role("button", name="Pause")).to_be_visible(timeout=1000)
        expect(explorer.get_by_role("button", name="Play")).to_be_visible(timeout=10_000)
        assert marked(explorer, "O", "active") == [(1, 2)]
    with visit("chapters/conv-forward", "at.0.2", reduced_motion="reduce") as seen:
        explorer = seen.page.locator("#forward")
        explorer.get_by_role("button", name="Next window").click()
        assert marked(explorer, "O", "active") == [(1, 0)]


def the_landing_page_shows_a_real_digit(visit):
    """Its numbers are those of the data set, and its figure and its explorer show the same entry."""
    with visit("intro") as seen:
        explorer = seen.page.locator("#explore")
        digit = data.digits()[0][0, 0]
        assert np.array_equal(numbers(explorer, "I_pad"), np.pad(digit, 1))
        assert marked(explorer, "O", "active") == [(2, 3)]
        edges = -np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]])
        assert np.array_equal(numbers(explorer, "F"), edges)


CHECKS = {
    convolution_equals_lectcode: [
        ("u >= axis.padded - axis.remainder", "u > axis.padded - axis.remainder"),
        ("h * S + k * D)", "h * S + k)"),
        ("Math.floor(free / S) + 1", "Math.ceil(free / S) + 1"),
        ("the output would be empty", "the output is empty"),
        ("numbered(outputTerms(F, I_pad, geometry, h, w))", "numbered(outputTerms(F, I_pad, geometry, h, w).slice(1))"),
    ],
    long_numbers_fit: [
        ("value / 1000 ** unit", "value / 1024 ** unit"),
        ("font-size: max(0.33rem", "font-size: max(0.6rem"),
    ],
    gradients_equal_lectcode: [
        ("w * columns.S + k_w * columns.D]", "w * columns.S + k_w]"),
        ("if (k_h < 0 || k_w < 0) return [];", "if (k_h < 0 && k_w < 0) return [];"),
        ("value: G[h][w] * value", "value: G[h][w] + value"),
        ("an empty sum: no window reads this entry", "0"),
    ],
    pooling_equals_lectcode: [
        ("const [winner, ...ties] = inside.filter", "const [winner, ...ties] = inside.reverse().filter"),
        ("geometry.rows.K * geometry.columns.K : inside.length", "inside.length : inside.length"),
        ("if (P >= K) {", "if (P > K) {"),
    ],
    receptive_field_equals_lectcode: [
        ("(k - 1) * D[i] * e[i]", "(k - 1) * D[i] * e[i + 1]"),
        ("u >= 0 && u < H", "u >= 0"),
        ("in layer ${i}, ", "in layer ${i + 1}, "),
    ],
    keys_reach_everything: [
        ("this.control(place).focus();", ""),
        ("this.control(this.tabStop).tabIndex = -1;", "this.control(this.tabStop).tabIndex = 0;"),
        ("if (usable) this.onedit(place, value);", "this.onedit(place, value);"),
    ],
    pointers_pick_and_light: [
        ('event.pointerType === "mouse" && this.pick(event)', "null"),
        ("for (const [grid, [i, j]] of Object.entries(term.at))", "for (const [grid, [i, j]] of [])"),
    ],
    links_come_back: [
        ("address.searchParams.set(name, text)", 'address.searchParams.set("state", text)'),
        ("found.length !== rows * columns", "found.length !== rows + columns"),
        ("else address.searchParams.delete(name);", ""),
        ("B: count(0, CELL.least, CELL.most)", "B: count(0, -99, 99)"),
    ],
    a_link_can_be_copied: [("address.hash = name;", "")],
    screen_readers_hear: [
        ("this.say(words);", ""),
        ('value < 0 ? "minus " : ""', '""'),
        ("this.announcement = sentence;", ""),
        ('"aria-live": "polite"', '"aria-live": "off"'),
    ],
    layers_can_be_added_and_removed: [("this.more.disabled = K.length === MOST_LAYERS;", "")],
    examples_work: [("Kh.3_Kw.2_P.0_S.2", "Kh.3_Kw.2_P.0_S.7"), ("this.change(decode(", "((state) => state)(decode(")],
    fits_a_phone_and_a_finger: [
        ("--cell: min(2.15rem, (100cqw - 1.3rem) / var(--columns));", "--cell: 2.15rem;"),
        ("test(target.value) && commit(target)", "test(target.value)"),
    ],
    axe_finds_nothing_in_any_state: [
        ('make("div", { role: "row" }, index("rowheader", i)', 'make("div", {}, index("rowheader", i)'),
        ('cell.setAttribute("aria-label", `${label}: ${spoken(value)}`)', 'cell.setAttribute("aria-labels", label)'),
        ("--pair: 30%;", "--pair: 70%;"),
        ("color: var(--hue);\n  font-weight: 500;", "color: var(--book-grey);\n  font-weight: 500;"),
    ],
    words_are_left_without_scripts: [(".explorer-replaced {", ".explorer-spared {")],
    nothing_moves_for_who_asks: [("transition: none;", "")],
    windows_walk: [("this.player?.stop();", ""), ("next() || stop()", "next()")],
    the_landing_page_shows_a_real_digit: [("I[i - P]?.[j - P]", "I[j - P]?.[i - P]")],
}
FAULTS = [(check, fault) for check, faults in CHECKS.items() for fault in faults]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_explorers(visit, check):
    check(visit)


@pytest.mark.parametrize(("check", "fault"), FAULTS, ids=[f"{check.__name__}-{fault[0]}" for check, fault in FAULTS])
def test_a_fault_is_seen(visit, check, fault):
    with pytest.raises((AssertionError, NothingHappened)):
        check(partial(visit, fault=fault))


def test_only_pages_with_an_explorer_load_the_script(published_site):
    loading, holding = set(), set()
    for name in contents.pages(BOOK / "_toc.yml"):
        page = (published_site / f"{name}.html").read_text("utf8")
        loading |= {name} if re.search(r"<script[^>]* src=\"[./]*_static/explorers\.js", page) else set()
        holding |= {name} if re.search(r"<[a-z-]+-explorer ", page) else set()
    assert loading == holding == set(HOMES)


def test_the_scripts_are_light(published_site):
    files = [published_site / "_static" / name for name in ("explorers.js", "explorers.css")]
    assert sum(len(gzip.compress(file.read_bytes())) for file in files) < 30_000


def test_explorers_work_from_disk(browser, published_site):
    with Visit(browser, (published_site / "chapters/pooling.html").as_uri()) as seen:
        explorer = seen.page.locator("#pooling")
        settled(seen, explorer.get_by_role("button", name="Gaps").click)
        assert numbers(explorer, "O").shape == (2, 3)
        assert [trouble for trouble in seen.troubles if "file://" not in trouble] == []
