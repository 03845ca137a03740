"""The built site in a real browser: `make browser`. Needs a Chromium on the machine; downloads none."""

import re
import shutil
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import expect, sync_playwright

from tools import site as checker
from tools.notebooks import BOOK

pytestmark = pytest.mark.browser

PAGES = checker.pages(BOOK / "_toc.yml")
CHAPTER = "chapters/conv-forward"
OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SIZES = {"desktop": {"width": 1280, "height": 900}, "phone": {"width": 390, "height": 844}}


@pytest.fixture(scope="module")
def browser():
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    assert program, "no Chromium found; install one, for example Debian's package chromium"
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=program, args=OPTIONS)
        yield running
        running.close()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        """Print nothing for each request."""


@pytest.fixture(scope="module")
def address(site):
    """Serve the site on a free local port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=site))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


class Visit:
    """One page in a window of its own, with everything that went wrong on it."""

    def __init__(self, browser, url, **context):
        self.url, self.troubles, self.requests = url, [], []
        self.context = browser.new_context(**context)
        self.page = self.context.new_page()
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("pageerror", lambda error: self.troubles.append(str(error)))
        self.page.on("console", lambda message: message.type == "error" and self.troubles.append(message.text))

    def __enter__(self):
        self.page.goto(self.url)
        self.page.wait_for_load_state("networkidle")
        return self

    def __exit__(self, *exception):
        self.context.close()

    def foreign(self, home):
        """Return the requests that left home."""
        return [url for url in self.requests if not url.startswith((home, "data:", "blob:"))]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", PAGES)
def test_page_loads_cleanly(browser, address, name, size, scheme):
    with Visit(browser, f"{address}/{name}.html", viewport=SIZES[size], color_scheme=scheme) as visit:
        assert visit.troubles == []
        assert visit.foreign(address) == []
        assert len(visit.requests) > 5
        assert visit.page.evaluate("document.documentElement.dataset.theme") == scheme
        width = visit.page.evaluate("document.documentElement.scrollWidth")
        assert width <= SIZES[size]["width"], f"the page is {width} pixels wide"


def test_page_opens_from_disk(browser, site):
    with Visit(browser, (site / f"{CHAPTER}.html").as_uri()) as visit:
        assert visit.foreign("file://") == []
        # A page from disk may not read its neighbours (the search index), but its scripts must run.
        assert [trouble for trouble in visit.troubles if "file://" not in trouble] == []
        expect(visit.page.locator("mjx-container").first).to_be_visible()


def test_formulas_are_typeset(browser, address):
    with Visit(browser, f"{address}/{CHAPTER}.html") as visit:
        visit.page.wait_for_selector("mjx-container")
        assert visit.page.locator("mjx-merror, mjx-container[data-mjx-error]").count() == 0
        assert visit.page.locator("div.math mjx-container").count() >= 6
        assert "\\boxed" not in visit.page.locator("article").inner_text()


def test_figures_are_there_and_described(browser, address):
    with Visit(browser, f"{address}/{CHAPTER}.html") as visit:
        images = visit.page.locator("article img")
        assert images.count() >= 2
        for image in images.all():
            image.scroll_into_view_if_needed()
            expect(image).to_have_js_property("complete", True)
            assert image.evaluate("image => image.naturalWidth") > 300
            assert len(image.get_attribute("alt")) > 40


def test_a_solution_opens(browser, address):
    with Visit(browser, f"{address}/{CHAPTER}.html") as visit:
        solution = visit.page.locator(".solution.dropdown").first
        cell = solution.locator(".cell_input").first
        expect(cell).to_be_hidden()
        solution.locator("button, summary").first.click()
        expect(cell).to_be_visible()


def test_search_finds_the_chapter(browser, address):
    with Visit(browser, f"{address}/search.html?q=padding") as visit:
        expect(
            visit.page.locator("#search-results a").filter(has_text="The convolution layer, forward").first
        ).to_be_visible()
        assert visit.foreign(address) == []


def test_reading_on_and_back(browser, address):
    with Visit(browser, f"{address}/intro.html") as visit:
        visit.page.locator("a.right-next").click()
        expect(visit.page).to_have_title(
            "1. Shapes: how many windows fit — Convolutional Neural Networks, Derived and Verified"
        )
        visit.page.locator("a.left-prev").click()
        expect(visit.page.locator("h1").last).to_contain_text("Convolutional Neural Networks, Derived and Verified")


def test_a_cell_can_be_copied(browser, address):
    context = {"permissions": ["clipboard-read", "clipboard-write"]}
    with Visit(browser, f"{address}/{CHAPTER}.html", **context) as visit:
        cell = visit.page.locator(".cell_input").first
        cell.hover()
        cell.locator("button.copybtn").click()
        expect(cell.locator("button.copybtn")).to_have_class("copybtn o-tooltip--left success")
        assert visit.page.evaluate("navigator.clipboard.readText()").startswith("import numpy as np")


def test_the_reader_can_choose_dark(browser, address):
    with Visit(browser, f"{address}/{CHAPTER}.html", color_scheme="light") as visit:
        background = "getComputedStyle(document.body).backgroundColor"
        light = visit.page.evaluate(background)
        for _ in range(3):  # the button goes round light, dark and automatic
            visit.page.locator("button.theme-switch-button").first.click()
            if visit.page.evaluate("document.documentElement.dataset.theme") == "dark":
                break
        assert visit.page.evaluate(background) != light


def test_the_notebook_can_be_downloaded(browser, address):
    with Visit(browser, f"{address}/{CHAPTER}.html") as visit:
        link = visit.page.locator("a.btn-download-source-button").first
        response = visit.page.request.get(f"{address}/chapters/{link.get_attribute('href')}")
        assert response.ok
        assert response.json()["nbformat"] == 4


def pages_of(pdf):
    """Count the pages of a PDF file."""
    return len(re.findall(rb"/Type\s*/Page\b", pdf))


def test_the_formula_sheet_prints_on_one_page(browser, address):
    with Visit(browser, f"{address}/chapters/formula-sheet.html") as visit:
        visit.page.wait_for_selector("mjx-container")
        assert pages_of(visit.page.pdf(format="A4")) == 1
    with Visit(browser, f"{address}/{CHAPTER}.html") as visit:  # the count can be more than one
        assert pages_of(visit.page.pdf(format="A4")) > 3


def test_a_request_to_another_host_and_a_script_error_are_seen(browser, site, tmp_path):
    page = tmp_path / "spoilt.html"
    page.write_text("<script src='http://127.0.0.2:9/x.js'></script><script>nowhere()</script>")
    with Visit(browser, page.as_uri()) as visit:
        assert visit.foreign("file://") == ["http://127.0.0.2:9/x.js"]
        assert any("nowhere is not defined" in trouble for trouble in visit.troubles)
