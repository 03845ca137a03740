"""What can be wrong with a page in a browser. Each function takes Playwright's page and returns faults, a line each."""

from urllib.parse import unquote, urlsplit

import nbformat
from axe_playwright_python.sync_playwright import Axe

# What axe-core finds and we do not mend: its rule, what stands in the element's HTML, a page that has it, the reason.
LEFTOVERS = [
    (
        "region",
        'class="logo__image',
        "intro",
        "the theme puts the logo, a link to the first page, in the sidebar and outside of its landmarks",
    ),
]
IMPACTS = ("critical", "serious", "moderate")  # the rest, "minor", is advice

# Text that a reader sees, without listings and without what MathJax draws.
_PROSE = """() => {
    const skip = new Set(["CODE", "PRE", "SCRIPT", "STYLE", "MJX-CONTAINER", "SVG"]);
    const walk = (node) => node.nodeType === Node.TEXT_NODE ? node.textContent
        : skip.has(node.nodeName.toUpperCase()) ? "" : [...node.childNodes].map(walk).join("");
    return walk(document.querySelector("article") ?? document.body);
}"""
_FORMULAS = """() => {
    const faults = [];
    for (const formula of document.querySelectorAll(".math")) {
        if (!formula.querySelector("mjx-container, .math")) faults.push(`not typeset: ${formula.textContent.slice(0, 60)}`);
    }
    for (const error of document.querySelectorAll("mjx-merror, [data-mjx-error], .MathJax_Error, merror"))
        faults.push(`an error in a formula: ${error.getAttribute("data-mjx-error") ?? error.textContent}`);
    return faults;
}"""
_WIDE = """() => {
    const faults = [], width = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth > width)
        faults.push(`the page is ${document.documentElement.scrollWidth} pixels wide, the window ${width}`);
    const scrolls = (element) => element && element !== document.body
        && (getComputedStyle(element).overflowX !== "visible" || scrolls(element.parentElement));
    for (const element of document.querySelectorAll("article *")) {
        const box = element.getBoundingClientRect();
        if (box.width && box.right > width + 1 && !scrolls(element.parentElement) && !element.closest("mjx-container, svg"))
            faults.push(`<${element.localName} class="${element.className}"> ends at ${Math.round(box.right)} of ${width}`);
    }
    return faults.slice(0, 5);
}"""
_PICTURES = """async () => {
    const faults = [];
    for (const image of document.querySelectorAll("article img")) {
        image.loading = "eager";
        await image.decode().catch(() => {});
        const name = image.getAttribute("src").slice(0, 80);
        if (!image.naturalWidth) faults.push(`not loaded: ${name}`);
        else if (image.naturalWidth < 300) faults.push(`only ${image.naturalWidth} pixels wide: ${name}`);
        if ((image.getAttribute("alt") ?? "").length < 40) faults.push(`not described: ${name}`);
        const box = image.getBoundingClientRect();
        const stretch = box.width / box.height / (image.naturalWidth / image.naturalHeight);
        if (box.width && Math.abs(stretch - 1) > 0.02) faults.push(`distorted by ${stretch.toFixed(2)}: ${name}`);
    }
    return faults;
}"""
_LINES = """() => {
    const faults = [], signs = /^[.,;:!?)\\]]/;
    for (const formula of document.querySelectorAll("article span.math:has(mjx-container)")) {
        const next = formula.nextSibling;
        if (next?.nodeType !== Node.TEXT_NODE || !signs.test(next.data)) continue;
        const sign = document.createRange();
        sign.setStart(next, 0);
        sign.setEnd(next, 1);
        const left = sign.getBoundingClientRect().left, right = formula.getBoundingClientRect().right;
        if (left < right - 3) faults.push(`a line begins with ${next.data.slice(0, 20)}`);
    }
    return faults;
}"""
# An icon is a sign of Unicode's private area that a style puts before or after an element. Without a glyph it is drawn
# as the last such sign, which no font has. Formulas do it too, with fonts of their own.
_ICONS = """async () => {
    const faults = new Set(), pen = new OffscreenCanvas(99, 99).getContext("2d", { willReadFrequently: true });
    const drawn = (font, sign) => {
        pen.clearRect(0, 0, 99, 99);
        pen.font = font;
        pen.fillText(sign, 30, 60);
        return pen.getImageData(0, 0, 99, 99).data.join();
    };
    for (const element of document.querySelectorAll("body *:not(mjx-container *)")) {
        for (const side of ["::before", "::after"]) {
            const { content, display, font, fontFamily } = getComputedStyle(element, side);
            const sign = content.match(/\\p{Co}/u)?.[0];
            if (!sign || display === "none") continue;
            await document.fonts.load(font, sign).catch(() => {});
            const code = sign.codePointAt(0).toString(16).toUpperCase();
            if ([" ", "\\u{10fffd}"].some((nothing) => drawn(font, sign) === drawn(font, nothing)))
                faults.add(`no glyph for U+${code} in ${fontFamily}: <${element.localName} class="${element.className}">`);
        }
    }
    return [...faults];
}"""
_SOLUTIONS = """async () => {
    const faults = [], opened = [];
    const hidden = (solution) => [...solution.querySelectorAll(".cell_input, .cell_output")].every(
        (cell) => !cell.checkVisibility({ visibilityProperty: true, opacityProperty: true }));
    for (const solution of document.querySelectorAll(".solution.dropdown")) {
        const title = solution.querySelector(".admonition-title").textContent.trim();
        const button = solution.querySelector("button, summary");
        if (!solution.querySelector(".cell_input")) faults.push(`${title}: it has no cell`);
        else if (!hidden(solution)) faults.push(`${title}: it is open from the start`);
        else if (!button) faults.push(`${title}: nothing opens it`);
        else { button.click(); opened.push([solution, title]); }
    }
    await new Promise((resolve) => setTimeout(resolve, opened.length ? 700 : 0));  // they fade in
    return faults.concat(opened.filter(([solution]) => hidden(solution)).map(([, title]) => `${title}: it stays closed`));
}"""

# A formula is drawn by hundreds of elements without text that are hidden from assistive software; axe-core would walk
# them all, for half its time. They go, and their box keeps its size. What is read aloud, the MathML beside it, stays.
_WITHOUT_DRAWINGS = """() => {
    const drawn = [...document.querySelectorAll("mjx-container > mjx-math[aria-hidden=true]")];
    const boxes = drawn.map((formula) => formula.getBoundingClientRect());
    drawn.forEach((formula, k) => {
        const { width, height } = boxes[k];
        if (width) formula.style.cssText += `display: inline-block; width: ${width}px; height: ${height}px`;
        formula.replaceChildren();
    });
}"""


def of_formulas(page):
    """Return formulas that are not typeset, errors in formulas, and TeX that a reader sees."""
    prose = page.evaluate(_PROSE)
    raw = [sign for sign in ("$", "\\(", "\\[", "\\frac", "\\sum", "\\mathbf", "\\boxed", "\\begin") if sign in prose]
    return page.evaluate(_FORMULAS) + [f"raw TeX in the text: {sign}" for sign in raw]


def of_width(page):
    """Return what makes the page wider than the window, or leaves it without a way to scroll there."""
    return page.evaluate(_WIDE)


def of_lines(page):
    """Return lines that begin with the sign after a formula."""
    return page.evaluate(_LINES)


def of_pictures(page):
    """Return pictures that do not load, are tiny, distorted, or lack a description."""
    return page.evaluate(_PICTURES)


def of_icons(page):
    """Return icons that a reader sees as an empty box or not at all."""
    return page.evaluate(_ICONS)


def of_solutions(page):
    """Return solutions that are open from the start or cannot be opened."""
    return page.evaluate(_SOLUTIONS)


def of_downloads(page):
    """Return downloads of the page that are no valid notebook, and that there are none."""
    links = [link.get_attribute("href") for link in page.locator("a.btn-download-source-button").all()]
    faults = [] if links else ["there is nothing to download"]
    for link in links:
        answer = page.request.get(page.evaluate("link => new URL(link, location.href).href", link))
        try:
            assert answer.ok, answer.status
            nbformat.validate(nbformat.reads(answer.text(), as_version=4))
        except Exception as reason:
            faults.append(f"{link} is no notebook: {str(reason).splitlines()[0]}")
    return faults


def of_launch_links(page, book):
    """Return launch links to files that do not exist in the book, and that there are none."""
    faults = []
    for host, mark in (("mybinder.org", "?urlpath=lab/tree/"), ("colab.research.google.com", "/blob/main/")):
        links = page.locator(f"a[href*='{host}']").all()
        if not links:
            faults.append(f"no link to {host}")
        for link in links:
            url = unquote(link.get_attribute("href"))
            file = url.partition(mark)[2]
            if not file or not (book / file).is_file():
                faults.append(f"{urlsplit(url).netloc} is sent to {file!r}, which does not exist")
    return faults


def of_accessibility(page, part=None):
    """Return what axe-core finds on a page, or a part of it, as it is now: rule, the element's HTML and the reason.

    Formulas lose their drawings, so this comes last.
    """
    # Colours that are still on their way from one theme to the other would be measured.
    page.add_style_tag(content="*, ::before, ::after { transition: none !important; animation: none !important; }")
    page.evaluate(_WITHOUT_DRAWINGS)
    found = Axe().run(page, part, options={"resultTypes": ["violations"]}).response["violations"]
    return [
        (rule["id"], node["html"], node["failureSummary"].splitlines()[-1].strip())
        for rule in found
        for node in rule["nodes"]
        if node["impact"] in IMPACTS
    ]


def is_leftover(rule, html):
    """Say whether a finding is listed in LEFTOVERS."""
    return any(rule == listed and mark in html for listed, mark, _, _ in LEFTOVERS)
