"""How heavy and how fast a page is, and how it reads by keyboard and on paper."""

import re
import statistics

import pytest
from playwright.sync_api import expect

from tests.book.test_browser import NOTEBOOKS, PAGES
from tools.browser import SIZES, Visit

pytestmark = pytest.mark.browser

LIMIT, LIMIT_WITHOUT = 1_000_000, 250_000  # bytes of a page, and of it without fonts, icons and MathJax
APART = re.compile(r"/mathjax/|\.(woff2?|ttf)$|/favicon\.svg$|/_static/webpack|/fontawesome")
CHAPTER = "chapters/conv-gradient-input"


def weights(browser, url):
    """Return what a first visit transfers that reads the page to its end: bytes by path, compressed as they were
    sent.
    """
    sizes = {}
    with Visit(browser, "about:blank", viewport=SIZES["desktop"]) as visit:
        session = visit.context.new_cdp_session(visit.page)
        session.send("Network.enable")
        paths = {}
        session.on("Network.responseReceived", lambda e: paths.update({e["requestId"]: e["response"]["url"]}))
        session.on(
            "Network.loadingFinished", lambda e: sizes.update({paths.get(e["requestId"], "?"): e["encodedDataLength"]})
        )
        visit.page.goto(url)
        visit.page.evaluate("document.querySelectorAll('img').forEach((image) => { image.loading = 'eager' })")
        visit.page.wait_for_load_state("networkidle")
        visit.page.evaluate("window.MathJax?.startup?.promise")
        visit.page.wait_for_load_state("networkidle")
    return sizes


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_light(browser, address, name, request):
    sizes = weights(browser, f"{address}/{name}.html")
    whole = sum(sizes.values())
    rest = sum(size for path, size in sizes.items() if not APART.search(path.partition("?")[0]))
    request.node.user_properties.append(
        ("weight", f"{name:30} {whole / 1000:6.0f} kB, {rest / 1000:4.0f} kB without fonts, icons and MathJax")
    )
    assert len(sizes) > 10
    assert 50_000 < rest < whole
    assert whole <= LIMIT, sorted(sizes.items(), key=lambda item: -item[1])[:5]
    assert rest <= LIMIT_WITHOUT, sorted(sizes.items(), key=lambda item: -item[1])[:8]


def test_what_is_sent_is_counted(browser, published_site, address):
    """A large picture makes a page as much heavier as it is."""
    before = sum(weights(browser, f"{address}/intro.html").values())
    extra = published_site / "_static/extra.webp"
    extra.write_bytes(bytes(range(256)) * 2000)
    spoilt = published_site / "spoilt.html"
    spoilt.write_text(
        (published_site / "intro.html")
        .read_text("utf8")
        .replace("</article>", '<img src="_static/extra.webp"></article>', 1)
    )
    try:
        assert 512_000 <= sum(weights(browser, f"{address}/spoilt.html").values()) - before < 514_000
    finally:
        extra.unlink()
        spoilt.unlink()


FIRST = """new MutationObserver((changes, observer) => {
    if (document.querySelector("mjx-container mjx-math")) { window.firstFormula = performance.now(); observer.disconnect(); }
}).observe(document, { childList: true, subtree: true });"""


def test_the_first_formula_comes_early(browser, address, request):
    """Measured on a processor slowed down four times, and printed; a test does not fail on a time."""
    times = []
    for _ in range(3):
        with Visit(browser, "about:blank", viewport=SIZES["desktop"]) as visit:
            visit.context.new_cdp_session(visit.page).send("Emulation.setCPUThrottlingRate", {"rate": 4})
            visit.page.add_init_script(FIRST)
            visit.page.goto(f"{address}/{CHAPTER}.html")
            visit.page.wait_for_function("window.firstFormula")
            before = visit.page.evaluate("document.querySelectorAll('mjx-container').length")
            times.append(visit.page.evaluate("window.firstFormula"))
            visit.page.evaluate("MathJax.startup.promise")
            assert before < visit.page.evaluate("document.querySelectorAll('mjx-container').length"), "all came at once"
    request.node.user_properties.append(
        ("weight", f"first formula after {statistics.median(times) / 1000:.1f} s, processor slowed down 4 times")
    )


def test_the_first_stop_of_the_keyboard_skips_to_the_text(browser, address):
    with Visit(browser, f"{address}/{CHAPTER}.html") as visit:
        visit.page.keyboard.press("Tab")
        link = visit.page.locator("a:focus")
        expect(link).to_have_text("Skip to main content")
        expect(link).to_be_in_viewport()
        visit.page.keyboard.press("Enter")
        assert visit.page.evaluate("location.hash") == "#main-content"


def unseen_stops(page, count):
    """Press Tab some times; return the elements where nothing shows that they have the focus."""
    unseen, stops = [], set()
    for _ in range(count):
        page.keyboard.press("Tab")
        stop, width, style = page.evaluate(
            "(() => { const e = document.activeElement, s = getComputedStyle(e);"
            " return [e.outerHTML.slice(0, 90), parseFloat(s.outlineWidth), s.outlineStyle]; })()"
        )
        stops.add(stop)
        if width < 2 or style == "none":
            unseen.append(stop)
    assert len(stops) > count / 2
    return unseen


def test_the_focus_is_visible_everywhere(browser, address):
    with Visit(browser, f"{address}/{CHAPTER}.html") as visit:
        assert unseen_stops(visit.page, 45) == []
        visit.page.add_style_tag(content=":focus-visible.btn, a:focus-visible { outline: none !important; }")
        visit.page.add_style_tag(content="html body a:focus-visible { outline: none !important; }")
        assert unseen_stops(visit.page, 10) != []


def test_formulas_are_no_stops_but_wide_boxes_are(browser, address):
    with Visit(browser, f"{address}/{CHAPTER}.html", viewport=SIZES["phone"]) as visit:
        assert visit.page.locator("mjx-container").count() > 100
        assert visit.page.locator("mjx-container[tabindex='0']").count() == 0
        boxes = visit.page.locator("div.math, div.highlight pre").evaluate_all(
            "boxes => boxes.filter(box => box.checkVisibility()).map(box => [box.scrollWidth > box.clientWidth + 1, box.tabIndex === 0])"
        )
        assert {wide for wide, _ in boxes} == {True, False}
        assert all(wide == stop for wide, stop in boxes)


def pages_of(pdf):
    """Count the pages of a PDF file."""
    return len(re.findall(rb"/Type\s*/Page\b", pdf))


def shown(page, selector):
    return page.locator(selector).evaluate_all(
        "all => all.filter(e => e.checkVisibility({opacityProperty: true, visibilityProperty: true})).length"
    )


NAVIGATION = ".bd-sidebar-primary, .bd-sidebar-secondary, .bd-header-article, .prev-next-footer, button, .found-an-error, .skip-link a"


@pytest.mark.parametrize("name", [name for name in NOTEBOOKS if name != "intro"])
def test_paper_has_the_text_and_the_solutions_and_nothing_to_press(browser, address, name):
    with Visit(browser, f"{address}/{name}.html", viewport={"width": 794, "height": 1123}) as visit:
        solutions = visit.page.locator(".solution.dropdown").count()
        assert shown(visit.page, NAVIGATION) > 0
        assert not solutions or shown(visit.page, ".solution.dropdown .cell_input") == 0
        visit.page.emulate_media(media="print")
        visit.page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
        assert shown(visit.page, NAVIGATION) == 0
        cells = visit.page.locator(".solution.dropdown .cell_input").count()
        assert shown(visit.page, ".solution.dropdown .cell_input") == cells >= solutions
        cut = visit.page.locator("div.math, div.highlight pre, table").evaluate_all(
            "boxes => boxes.filter(box => box.checkVisibility() && box.scrollWidth > box.clientWidth + 2 && box.clientWidth)"
            ".map(box => box.outerHTML.slice(0, 120))"
        )
        assert cut == []


def test_the_formula_sheet_prints_on_one_page(browser, address):
    with Visit(browser, f"{address}/chapters/formula-sheet.html") as visit:
        assert pages_of(visit.page.pdf(format="A4")) == 1
    with Visit(browser, f"{address}/{CHAPTER}.html") as visit:  # the count can be more than one
        assert pages_of(visit.page.pdf(format="A4")) > 3
