"""The explorers of the built site, in a real browser: each number they show is compared with Python's."""

import numpy as np
import pytest
from playwright.sync_api import expect

from lectcode import (
    avg_pool2d,
    avg_pool2d_backward,
    conv2d,
    conv2d_backward,
    max_pool2d,
    max_pool2d_backward,
    output_size,
    reference,
)
from tests.book.test_browser import Visit, address, browser  # noqa: F401 (fixtures)

pytestmark = pytest.mark.browser
rng = np.random.default_rng(5)

SIGNS = str.maketrans({"\N{MINUS SIGN}": "-", "\N{INFINITY}": "inf"})
CELLS = """grid => [...grid.querySelectorAll("[role=row]:not(.heads)")].map(row =>
    [...row.querySelectorAll(".cell")].map(cell =>
        [cell.dataset.value, cell.querySelector("input")?.value ?? cell.textContent]))"""
PLACES = "cells => cells.map(cell => cell.dataset.place.split(',').map(Number))"
UNITS = "units => units.map(unit => +unit.dataset.unit.split(',')[1])"
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
    shown = np.array([[float(text.translate(SIGNS)) for _, text in row] for row in rows])
    digits = np.select([np.abs(exact) < 100, np.abs(exact) < 1000], [2, 1], 0)
    assert np.isclose(exact, shown, rtol=0, atol=0.5 * 10.0**-digits + 1e-9).all(), f"{grid} shows {shown} for {exact}"
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
    return chosen + rng.integers(least, most, (50, 7), endpoint=True).tolist()


def integers(*shape):
    """Return whole numbers for the one picture or filter of a layer."""
    return rng.integers(-30, 31, (1, 1, *shape))


def used(axis_length, K, S, P, D=1):
    """Return for each row of a padded axis whether a window reads it, and the rows after the last window."""
    H_p = axis_length + 2 * P
    H_out = output_size(axis_length, K, stride=S, padding=P, dilation=D)
    read = {h * S + k * D for h in range(H_out) for k in range(K)}
    return [u in read for u in range(H_p)], range((H_out - 1) * S + (K - 1) * D + 1, H_p)


def test_convolution_shows_what_lectcode_computes(browser, address):  # noqa: F811
    impossible = 0
    with Visit(browser, f"{address}/chapters/conv-forward.html") as visit:
        for H, W, Kh, Kw, P, S, D in layers():
            I, F, B = integers(H, W), integers(Kh, Kw), rng.integers(-9, 10, 1)
            at = rng.integers(0, 9, 2)
            state = encoded(H=H, W=W, Kh=Kh, Kw=Kw, P=P, S=S, D=D, B=B, I=I, F=F, at=at)
            explorer = put(visit, "convolution-explorer", state)
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
    assert visit.troubles == []


def assert_sum(explorer, value):
    """Assert that the written products add up to a number, and that it stands at the end."""
    written = explorer.locator(".explorer-sum .line").all_inner_texts()
    *terms, last = [line.replace("\N{MINUS SIGN}", "-").replace("\N{MIDDLE DOT}", "*") for line in written]
    assert eval("".join(terms).replace("\N{THIN SPACE}", "").removeprefix("=").strip()) == value
    assert float(last.split()[1].rstrip(",")) == value


def test_gradients_show_what_lectcode_computes(browser, address):  # noqa: F811
    impossible = 0
    with Visit(browser, f"{address}/chapters/conv-gradients.html") as visit:
        for turn, (H, W, Kh, Kw, P, S, D) in enumerate(layers()):
            I, F = integers(H, W), integers(Kh, Kw)
            sizes = {"H": H, "W": W, "Kh": Kh, "Kw": Kw, "P": P, "S": S, "D": D, "I": I, "F": F}
            geometry = {"stride": S, "padding": P, "dilation": D}
            try:
                O = conv2d(I, F, **geometry)
            except ValueError as error:
                impossible += 1
                refuses(put(visit, "gradient-explorer", encoded(**sizes)), error)
                continue
            G = integers(*O.shape[2:])
            dI, dF, dB = conv2d_backward(G, I, F, **geometry)
            dI_pad = reference.conv2d_grad_padded_input(G, F, (H + 2 * P, W + 2 * P), stride=S, dilation=D)
            assert np.array_equal(dI, dI_pad[:, :, P : P + H, P : P + W])
            of, at = "FIB"[turn % 3], rng.integers(0, 15, 2)
            explorer = put(visit, "gradient-explorer", encoded(**sizes, G=G, of=of, at=at))
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
            explorer = put(visit, "gradient-explorer", encoded(**sizes, G=G, view="scatter", g=(h, w)))
            _, dF, dB = conv2d_backward(one, I, F, **geometry)
            dI_pad = reference.conv2d_grad_padded_input(one, F, (H + 2 * P, W + 2 * P), stride=S, dilation=D)
            for grid, array in {"dI_pad": dI_pad[0, 0], "dF": dF[0, 0], "dB": dB[None], "G": G[0, 0]}.items():
                assert np.array_equal(numbers(explorer, grid), array), (grid, sizes, h, w)
            window = [(h * S + k_h * D, w * S + k_w * D) for k_h, k_w in np.ndindex(Kh, Kw)]
            assert marked(explorer, "dI_pad", "window") == marked(explorer, "I_pad", "window") == window
    assert 5 < impossible < 40
    assert visit.troubles == []


def reaches(of, entry, place, kernel_size, S, D):
    """Say whether an entry of the filter (F), the padded input (I) or the bias (B) has touched an output."""
    if of != "I":
        return True
    return any(
        (place[0] * S + k_h * D, place[1] * S + k_w * D) == tuple(entry) for k_h, k_w in np.ndindex(*kernel_size)
    )


def test_pooling_shows_what_lectcode_computes(browser, address):  # noqa: F811
    least, most = [1, 1, 1, 1, 0], [9, 9, 4, 4, 4]
    chosen = [(5, 5, 3, 2, 0), (5, 8, 2, 3, 0), (4, 6, 2, 2, 1), (3, 3, 2, 1, 2), (2, 9, 3, 1, 0)]
    impossible = ties = 0
    with Visit(browser, f"{address}/chapters/pooling.html") as visit:
        for turn, (H, W, K, S, P) in enumerate(chosen + rng.integers(least, most, (50, 5), endpoint=True).tolist()):
            I = rng.integers(-3, 4, (1, 1, H, W)).astype(float)  # few numbers, many ties
            sizes = {"H": H, "W": W, "K": K, "S": S, "P": P, "I": I.astype(int)}
            try:
                largest = max_pool2d(I, K, S, P)
            except ValueError as error:
                impossible += 1
                refuses(put(visit, "pooling-explorer", encoded(**sizes)), error)
                continue
            G, at = integers(*largest.shape[2:]).astype(float), rng.integers(0, 9, 2)
            state = encoded(**sizes, G=G.astype(int), of="OI"[turn % 2], at=at)
            explorer = put(visit, "pooling-explorer", f"{state}_kind.max")
            assert np.array_equal(numbers(explorer, "O"), largest[0, 0]), state
            assert np.array_equal(numbers(explorer, "I_pad"), np.pad(I[0, 0], P, constant_values=-np.inf)), state
            assert np.array_equal(numbers(explorer, "dI"), max_pool2d_backward(G, I, K, S, P)[0, 0]), state
            if turn % 2 == 0:
                ties += winner_and_ties_are_right(
                    explorer, I[0, 0], *np.minimum(at, np.array(largest.shape[2:]) - 1), K, S, P
                )
            for padding in ("counts", "left-out"):
                explorer = put(visit, "pooling-explorer", f"{state}_kind.average_padding.{padding}")
                rule = {"count_include_pad": padding == "counts"}
                average, back = avg_pool2d(I, K, S, P, **rule), avg_pool2d_backward(G, I, K, S, P, **rule)
                assert np.allclose(numbers(explorer, "O"), average[0, 0], rtol=0, atol=1e-12), state
                assert np.allclose(numbers(explorer, "dI"), back[0, 0], rtol=0, atol=1e-12), state
                assert np.array_equal(numbers(explorer, "I_pad"), np.pad(I[0, 0], P)), state
    assert 5 < impossible < 40
    assert ties > 3
    assert visit.troubles == []


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


def stacks():
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


def test_receptive_field_shows_what_lectcode_computes(browser, address):  # noqa: F811
    impossible = 0
    with Visit(browser, f"{address}/chapters/receptive-field.html") as visit:
        for H, h, k, s, d, p in stacks():
            explorer = put(visit, "receptive-field-explorer", encoded(H=H, K=k, S=s, D=d, P=p, h=h))
            r, e, a = reference.receptive_field(k, s, d, p)
            for name, column in {"r": r, "e": e, "a": a}.items():
                texts = explorer.locator(f'[data-number="{name}"]').all_inner_texts()
                assert [int(text.replace("\N{MINUS SIGN}", "-")) for text in texts] == column
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
    assert visit.troubles == []
