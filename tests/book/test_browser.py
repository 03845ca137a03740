"""The built site in a real browser: `make site-test`. Every page is opened once, and everything is asked of it then."""

import re

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.book import faults
from tools import site as checker
from tools.browser import SIZES, Visit
from tools.notebooks import BOOK

pytestmark = pytest.mark.browser

PAGES = checker.pages(BOOK / "_toc.yml")
NOTEBOOKS = [name for name in PAGES if (BOOK / f"{name}.ipynb").exists()]
CHAPTER = "chapters/conv-forward"
LIMIT, LIMIT_WITHOUT = 1_000_000, 250_000  # bytes of a page, and of it without fonts, icons and MathJax
APART = re.compile(r"/mathjax/|\.(woff2?|ttf)$|/favicon\.svg$|/_static/webpack|/fontawesome")


# With several processes (pytest-xdist), the tests of a page stay together.
@pytest.fixture(scope="module", params=[pytest.param(name, marks=pytest.mark.xdist_group(name)) for name in PAGES])
def visit(request, browser, address):
    """A page on a desktop, in light colours; tests that change that change it back."""
    with Visit(browser, f"{address}/{request.param}.html", viewport=SIZES["desktop"], color_scheme="light") as visit:
        visit.name = request.param
        visit.read_on()
        yield visit


def theme(page):
    return page.evaluate("document.documentElement.dataset.theme")


def prefer(page, scheme):
    """Let the reader's system prefer light or dark, and wait until the page has followed."""
    page.emulate_media(color_scheme=scheme)
    page.wait_for_function("scheme => document.documentElement.dataset.theme === scheme", arg=scheme)


def test_a_page_loads_cleanly(visit, address):
    assert visit.troubles == []
    assert visit.foreign(address) == []
    assert len(visit.requests) > 5
    assert theme(visit.page) == "light"


def test_a_page_is_light(visit, request):
    """What a first visit transfers that reads the page to its end, compressed as it was sent."""
    whole = sum(visit.weights.values())
    rest = sum(weight for url, weight in visit.weights.items() if not APART.search(url.partition("?")[0]))
    request.node.user_properties.append(
        ("measured", f"{visit.name:30} {whole / 1000:6.0f} kB, {rest / 1000:4.0f} kB without fonts, icons and MathJax")
    )
    assert len(visit.weights) > 10
    assert 50_000 < rest < whole
    assert whole <= LIMIT, sorted(visit.weights.items(), key=lambda item: -item[1])[:5]
    assert rest <= LIMIT_WITHOUT, sorted(visit.weights.items(), key=lambda item: -item[1])[:8]


def test_every_formula_is_typeset(visit):
    assert faults.of_formulas(visit.page) == []


def test_every_picture_is_there_and_described(visit):
    assert faults.of_pictures(visit.page) == []


def test_every_icon_has_a_glyph(visit):
    assert faults.of_icons(visit.page) == []


def test_no_line_begins_with_the_sign_after_a_formula(visit):
    visit.page.set_viewport_size(SIZES["phone"])
    found = faults.of_lines(visit.page)
    visit.page.set_viewport_size(SIZES["desktop"])
    assert found == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_nothing_is_wider_than_the_window(visit, size, scheme):
    visit.page.set_viewport_size(SIZES[size])
    prefer(visit.page, scheme)
    found = faults.of_width(visit.page)
    visit.page.set_viewport_size(SIZES["desktop"])
    prefer(visit.page, "light")
    assert found == []


def test_the_download_is_a_notebook(visit):
    if visit.name in NOTEBOOKS:
        assert faults.of_downloads(visit.page) == []


def test_launch_links_lead_to_files(visit):
    if visit.name in NOTEBOOKS:
        assert faults.of_launch_links(visit.page, BOOK) == []


def shown(page, selector):
    return page.locator(selector).evaluate_all(
        "all => all.filter(e => e.checkVisibility({opacityProperty: true, visibilityProperty: true})).length"
    )


NAVIGATION = ".bd-sidebar-primary, .bd-sidebar-secondary, .bd-header-article, .prev-next-footer, button, .found-an-error, .skip-link a"
CUT = """boxes => boxes
    .filter(box => box.checkVisibility() && box.scrollWidth > box.clientWidth + 2 && box.clientWidth)
    .map(box => box.outerHTML.slice(0, 120))"""
PAPER = {"width": 680, "height": 1016}  # A4 without its margins (_static/book.css), at 96 dots an inch


def test_paper_has_the_text_and_the_solutions_and_nothing_to_press(visit):
    solutions = visit.page.locator(".solution.dropdown").count()
    cells = visit.page.locator(".solution.dropdown .cell_input").count()
    assert shown(visit.page, NAVIGATION) > 0
    assert shown(visit.page, ".solution.dropdown .cell_input") == 0
    visit.page.set_viewport_size(PAPER)
    visit.page.emulate_media(media="print")
    visit.page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    pressed, opened = shown(visit.page, NAVIGATION), shown(visit.page, ".solution.dropdown .cell_input")
    cut = visit.page.locator("div.math, div.highlight pre, table").evaluate_all(CUT)
    visit.page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    visit.page.emulate_media(media="screen")
    visit.page.set_viewport_size(SIZES["desktop"])
    assert pressed == 0
    assert opened == cells >= solutions
    assert cut == []
    assert shown(visit.page, ".solution.dropdown .cell_input") == 0


def test_every_solution_opens(visit):
    assert faults.of_solutions(visit.page) == []


@pytest.mark.parametrize(("size", "scheme"), [("desktop", "light"), ("phone", "dark")])
def test_axe_finds_nothing_that_is_ours(visit, size, scheme):
    visit.page.set_viewport_size(SIZES[size])
    prefer(visit.page, scheme)
    visit.page.wait_for_timeout(350)  # the theme is that late to make boxes that scroll stops of the Tab key
    found = faults.of_accessibility(visit.page)
    visit.page.set_viewport_size(SIZES["desktop"])
    prefer(visit.page, "light")
    assert [finding for finding in found if not faults.is_leftover(*finding[:2])] == []


@pytest.mark.parametrize(("rule", "mark", "name", "reason"), faults.LEFTOVERS)
def test_a_listed_leftover_is_still_there(browser, address, rule, mark, name, reason):
    with Visit(browser, f"{address}/{name}.html") as visit:
        found = [(a, html) for a, html, _ in faults.of_accessibility(visit.page)]
    assert any(a == rule and mark in html for a, html in found), f"no longer true, take it off the list: {reason}"


def test_some_pages_have_what_is_asked_of_all(address, browser):
    """A page that has no formula, picture or solution passes; this one has them all."""
    with Visit(browser, f"{address}/{CHAPTER}.html") as visit:
        assert visit.page.locator("div.math mjx-container").count() >= 6
        assert visit.page.locator("article img").count() >= 2
        assert visit.page.locator(".solution.dropdown").count() >= 4
        assert visit.page.locator("i[class*='fa-']").count() >= 5
    assert len(NOTEBOOKS) > 10


def rules_broken(page):
    return [rule for rule, html, _ in faults.of_accessibility(page) if not faults.is_leftover(rule, html)]


PLANTED = [
    (rules_broken, '<main><p style="color: #999">pale words</p></main>', "color-contrast"),
    (rules_broken, '<main><img src="{wide}"></main>', "image-alt"),
    (rules_broken, "<main><button></button></main>", "button-name"),
    (faults.of_formulas, r'<span class="math">\(x\)</span>', "not typeset"),
    (faults.of_formulas, '<span class="math"><mjx-container><mjx-merror data-mjx-error="Missing }">', "Missing }"),
    (faults.of_formulas, "<p>the size $H + 2P$</p>", "raw TeX in the text: $"),
    (faults.of_formulas, r"<p>the size \frac{1}{2}</p>", r"raw TeX in the text: \frac"),
    (faults.of_width, '<p style="width: 500px">long</p>', "the page is"),
    (faults.of_width, '<div style="overflow-x: clip; width: 99%"></div><p style="width: 450px">long</p>', "<p class"),
    (
        faults.of_lines,
        '<p style="width: 100px"><span class="math"><mjx-container style="display: inline-block; width: 99px">x'
        "</mjx-container></span>, and so on</p>",
        "a line begins with , and so on",
    ),
    (faults.of_pictures, '<img src="none.webp" alt="A picture that nobody will ever see here.">', "not loaded"),
    (
        faults.of_pictures,
        '<img src="{pixel}" alt="A picture that is one pixel and no more than that.">',
        "only 1 pixels",
    ),
    (faults.of_pictures, '<img src="{wide}" alt="Grey.">', "not described"),
    (
        faults.of_pictures,
        '<img src="{wide}" width="200" height="200" alt="A rectangle that was pressed into a square, sadly.">',
        "distorted by 0.50",
    ),
    (
        faults.of_icons,
        '<style>a::before { content: "\\f09b"; font: 16px "Font Awesome 6 Brands" }</style><a class="github">it</a>',
        'no glyph for U+F09B in "Font Awesome 6 Brands": <a class="github">',
    ),
    (faults.of_icons, '<style>p::after { content: "\\f0f3" }</style><p>bell</p>', "no glyph for U+F0F3"),
    (faults.of_downloads, "<p>nothing</p>", "there is nothing to download"),
    (faults.of_downloads, '<a class="btn-download-source-button" href="/index.html">', "is no notebook"),
    (faults.of_downloads, '<a class="btn-download-source-button" href="/gone.ipynb">', "is no notebook"),
    (
        lambda page: faults.of_launch_links(page, BOOK),
        '<a href="https://mybinder.org/v2/gh/a/b/main?urlpath=lab/tree/chapters/none.ipynb">',
        "'chapters/none.ipynb', which does not exist",
    ),
    (lambda page: faults.of_launch_links(page, BOOK), "<p>nothing</p>", "no link to mybinder.org"),
    (
        faults.of_solutions,
        '<div class="solution dropdown"><p class="admonition-title">Solution</p><button>+</button>'
        '<div class="cell_input" hidden>code</div></div>',
        "it stays closed",
    ),
    (
        faults.of_solutions,
        '<div class="solution dropdown"><p class="admonition-title">Solution</p><div class="cell_input">code</div></div>',
        "it is open from the start",
    ),
]


@pytest.mark.parametrize(("checker", "html", "fault"), PLANTED)
def test_a_planted_fault_is_seen(browser, address, checker, html, fault):
    drawn = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' width='{}' height='{}'/%3E"
    pictures = {"{pixel}": drawn.format(1, 1), "{wide}": drawn.format(600, 300)}
    for name, data in pictures.items():
        html = html.replace(name, data)
    with Visit(browser, f"{address}/404", viewport=SIZES["phone"]) as visit:
        visit.page.set_content(f"<article>{html}</article>")
        assert fault in "\n".join(checker(visit.page))


def test_what_is_sent_is_counted(browser, published_site, address):
    """A large picture makes a page as much heavier as it is."""
    spoilt, extra = published_site / "spoilt.html", published_site / "_static/extra.webp"
    page, picture = (published_site / "intro.html").read_text("utf8"), '<img loading="lazy" src="_static/extra.webp">'
    weights = []
    # noise, which no format compresses; and a true picture, for a browser stops fetching what it cannot show
    noise = np.random.default_rng(0).integers(0, 256, (400, 430, 3), np.uint8)
    Image.fromarray(noise).save(extra, lossless=True)
    size = extra.stat().st_size
    assert size > 500_000
    try:
        for text in (page, page.replace("</article>", f"{picture}</article>", 1)):
            spoilt.write_text(text)
            with Visit(browser, f"{address}/spoilt.html") as visit:
                visit.read_on()
            weights.append(sum(visit.weights.values()))
    finally:
        extra.unlink()
        spoilt.unlink()
    assert size <= weights[1] - weights[0] < size + 2000


def test_a_request_to_another_host_and_a_script_error_are_seen(browser, tmp_path):
    page = tmp_path / "spoilt.html"
    page.write_text("<script src='http://127.0.0.2:9/x.js'></script><script>nowhere()</script>")
    with Visit(browser, page.as_uri()) as visit:
        assert visit.foreign("file://") == ["http://127.0.0.2:9/x.js"]
        assert any("nowhere is not defined" in trouble for trouble in visit.troubles)


def test_a_page_opens_from_disk(browser, published_site):
    with Visit(browser, (published_site / f"{CHAPTER}.html").as_uri()) as visit:
        assert visit.foreign("file://") == []
        # A page from disk may not read its neighbours (the search index), but its scripts must run.
        assert [trouble for trouble in visit.troubles if "file://" not in trouble] == []
        expect(visit.page.locator("mjx-container").first).to_be_visible()


def test_a_page_can_be_read_without_scripts(browser, address):
    with Visit(browser, f"{address}/{CHAPTER}.html", java_script_enabled=False) as visit:
        expect(visit.page.locator("h1").last).to_contain_text("The convolution layer, forward")
        expect(visit.page.locator("article img").first).to_be_visible()
        expect(visit.page.locator(".solution .cell_input").first).to_be_visible()


@pytest.mark.parametrize(("term", "found"), [("padding", True), ("zyzzyva", False)])
def test_the_search_finds_a_term_and_only_what_is_there(browser, address, term, found):
    with Visit(browser, f"{address}/intro.html") as visit:
        visit.page.keyboard.press("Control+k")
        visit.page.locator("dialog input[type=search]").fill(term)
        visit.page.keyboard.press("Enter")
        visit.page.wait_for_url("**/search.html?q=*")
        expect(visit.page.locator("#search-results")).to_contain_text("finished" if found else "did not match")
        chapter = visit.page.locator("#search-results a").filter(has_text="The convolution layer, forward")
        assert (chapter.count() > 0) == found
        assert visit.troubles == []


def test_reading_on_and_back(browser, address):
    with Visit(browser, f"{address}/intro.html") as visit:
        visit.page.locator("a.right-next").click()
        expect(visit.page).to_have_title(re.compile(r"^1\. Shapes: how many windows fit"))
        visit.page.locator("a.left-prev").click()
        expect(visit.page.locator("h1").last).to_contain_text("Convolutional Neural Networks, Derived and Verified")


def test_a_cell_can_be_copied(browser, address):
    context = {"permissions": ["clipboard-read", "clipboard-write"]}
    with Visit(browser, f"{address}/{CHAPTER}.html", **context) as visit:
        cell = visit.page.locator(".cell_input").first
        cell.hover()
        cell.locator("button.copybtn").click()
        expect(cell.locator("button.copybtn")).to_have_class(re.compile("success"))
        assert visit.page.evaluate("navigator.clipboard.readText()").startswith("import numpy as np")


def test_the_reader_can_choose_dark(browser, address):
    with Visit(browser, f"{address}/{CHAPTER}.html", color_scheme="light") as visit:
        background = "getComputedStyle(document.body).backgroundColor"
        light = visit.page.evaluate(background)
        for _ in range(3):  # the button goes round light, dark and automatic
            visit.page.locator("button.theme-switch-button").first.click()
            if theme(visit.page) == "dark":
                break
        assert visit.page.evaluate(background) != light
        visit.page.reload()
        assert theme(visit.page) == "dark"
