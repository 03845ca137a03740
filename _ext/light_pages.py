"""Send a reader only what a page uses.

Figures: the notebooks hold PNG, which Jupyter and Colab show; pages get the same pictures as WebP, drawings in 256
colours and photographs with little loss, at a fifth of the size, with their width and height, loaded when they come
near.
Icons: the theme brings all of Font Awesome twice, as a script of 1.5 MB and as fonts. Pages use a score of its icons:
the script goes, and the fonts keep those.
The logo: a page names one for light and one for dark colours, and loads the one that it shows.
Style sheets: a rule for a class that stands in no page and in no script is left out. Style sheets and scripts of
extensions that a page does not use are left out of it.
"""

import hashlib
import io
import re
from pathlib import Path

from docutils import nodes
from fontTools import subset
from PIL import Image

COLORS, DRAWING = 4096, 30_000  # a drawing has no more colours, and as WebP no more bytes
QUALITY = 70

FONT_AWESOME = re.compile(r"<script defer [^>]*fontawesome\.js[^>]*></script>\n?")
WORD = re.compile(r"-?[A-Za-z_][\w-]*")
COMMENT = re.compile(r"/\*.*?\*/", re.S)
RULE = re.compile(r"(?P<selectors>[^{}@;]+)\{(?P<style>[^{}]*)\}")
COMMA = re.compile(r",(?![^()]*\))")
ALTERNATIVES = re.compile(r":(?:not|is|where|has)\([^()]*(?:\([^()]*\)[^()]*)*\)|\[[^]]*\]")
# An icon in a style sheet, as a code or as the sign itself; the second is how a variable holds it.
GLYPH = re.compile(r'"\\([ef][0-9a-f]{3})"|"([\ue000-\uf8ff])"')
FONTS = ("fa-solid-900", "fa-brands-400")
FACE = re.compile(r"@font-face\{[^}]*/(fa-(?:solid-900|regular-400|brands-400))\.woff2[^}]*\}")
TWO_FORMATS = re.compile(r'url\(([^)]*/fa-[\w-]+)\.woff2\) format\("woff2"\),url\([^)]*\.ttf\) format\("truetype"\)')
# A style sheet or script, and what a page that needs it has in its text.
NEEDED_BY = {
    "sphinx-design": r'class="[^"]*\bsd-',
    "design-tabs": r'class="[^"]*\bsd-',
    "exercise.css": r'class="[^"]*\b(exercise|solution)\b',
    "copybutton": r'class="highlight',
    "clipboard.min": r'class="highlight',
}
LOGO = re.compile(r'(<img [^>]*class="logo__image[^"]*")')
PIXELS = re.compile(r'(<img [^>]*loading="lazy"[^>]*) style="width: (\d+)px; height: (\d+)px;"')
# What tools/notebooks.py writes for Jupyter only: it does not know the class.
JUPYTER = re.compile(r'<p class="d-none">.*?</p>\n?', re.S)
SEARCH = re.compile(r'\s*<script src="[^"]*(?:searchtools|language_data|searchindex)\.js[^"]*"></script>')


def smaller(picture):
    """Return a PNG picture, given as bytes, as WebP: without loss where that is small, with little loss elsewhere."""
    with Image.open(io.BytesIO(picture)) as opened:
        pixels = opened.convert("RGBA" if opened.mode in ("RGBA", "LA", "P") else "RGB")
    if pixels.mode == "RGBA" and pixels.getchannel("A").getextrema() == (255, 255):
        pixels = pixels.convert("RGB")
    if pixels.getcolors(COLORS):
        if pixels.mode == "RGB":  # more shades than 256 stand on the edges of lines only
            pixels = pixels.quantize(256, kmeans=1, dither=Image.Dither.NONE).convert("RGB")
        drawing = _webp(pixels, lossless=True, quality=100)
        if len(drawing) <= DRAWING:
            return drawing
    return _webp(pixels, quality=QUALITY)


def _webp(pixels, **options):
    buffer = io.BytesIO()
    pixels.save(buffer, "WEBP", method=4, **options)
    return buffer.getvalue()


def shrink_pictures(app, doctree):
    """Put WebP in the place of each PNG that a notebook has stored."""
    if app.builder.format != "html":
        return
    source = Path(app.srcdir)
    for image in doctree.findall(nodes.image):
        path = source / image["uri"].lstrip("/")
        if path.suffix != ".png" or not path.is_file():
            continue
        picture = path.read_bytes()
        digest = hashlib.sha256(picture + Path(__file__).read_bytes()).hexdigest()[:20]
        target = Path(app.outdir).parent / "pictures" / f"{digest}.webp"
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(smaller(picture))
        with Image.open(target) as opened:
            width, height = opened.size
        if b"VP8L" in target.read_bytes()[:32]:  # without loss, so it is drawn; phones show it in a legible size
            image["classes"].append("drawing")
        image["uri"] = f"/{target.relative_to(source)}"
        # The first picture may be what a reader sees first; the others wait until they are near.
        image["width"], image["height"], image["loading"] = str(width), str(height), "lazy"


def leave_out(app, page, template, context, doctree):
    """Take out of a page what it does not show or use; give pictures their shape as attributes."""
    body = JUPYTER.sub("", context.get("body", ""))
    # From attributes, unlike from a style, a browser keeps the place of a picture that it has not loaded.
    context["body"] = body = PIXELS.sub(r'\1 width="\2" height="\3"', body)
    unused = [name for name, mark in NEEDED_BY.items() if not re.search(mark, body)]
    for kind in ("css_files", "script_files"):
        context[kind] = [
            item
            for item in context.get(kind, [])
            if not any(name in str(getattr(item, "filename", item)) for name in unused)
        ]


def words(texts):
    """Return every word that could be the name of a class in some pages and scripts."""
    return {word for text in texts for word in WORD.findall(text)}


def without_unused(style, used):
    """Return a style sheet without the rules that need a class which is not among the used words."""

    def applies(selector):
        needed = re.findall(r"\.(" + WORD.pattern + ")", ALTERNATIVES.sub("", selector))
        return "\\" in selector or used.issuperset(needed)

    def keep(rule):
        kept = [selector for selector in COMMA.split(rule["selectors"]) if applies(selector)]
        return f"{','.join(kept)}{{{rule['style']}}}" if kept else ""

    licences = [comment for comment in COMMENT.findall(style) if comment.startswith("/*!")]
    return "\n".join([*licences, RULE.sub(keep, COMMENT.sub("", style))])


def icons(styles):
    """Return the code points of all icons that some style sheets draw."""
    return {int(code, 16) if code else ord(sign) for style in styles for code, sign in GLYPH.findall(style)}


def reduced(path, code_points):
    """Write a font again, with these of its code points and as WOFF; return its path."""
    options = subset.Options(flavor="woff", notdef_outline=False, layout_features=[])
    font = subset.load_font(path, options)
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=code_points)
    subsetter.subset(font)
    subset.save_font(font, path.with_suffix(".woff"), options)
    return path.with_suffix(".woff")


def lighten(app, exception):
    """Reduce what all pages load: no icon script, few icons and styles, no search index but on the search page."""
    if exception or app.builder.format != "html":
        return
    site = Path(app.outdir)
    pages = sorted(site.rglob("*.html"))
    scripts = [path for path in (site / "_static").rglob("*.js") if path.name != "fontawesome.js"]
    used = words(path.read_text("utf8") for path in (*pages, *scripts))
    for sheet in (site / "_static").rglob("*.css"):
        sheet.write_text(without_unused(sheet.read_text("utf8"), used), "utf8")
    sheet = site / "_static/styles/pydata-sphinx-theme.css"
    style = FACE.sub(lambda face: face[0] if face[1] in FONTS else "", sheet.read_text("utf8"))
    sheet.write_text(TWO_FORMATS.sub(r'url(\1.woff) format("woff")', style), "utf8")
    folder = site / "_static/vendor/fontawesome/webfonts"
    needed = icons(path.read_text("utf8") for path in (site / "_static").rglob("*.css"))
    small = [reduced(folder / f"{name}.ttf", needed) for name in FONTS]
    for path in folder.iterdir():
        if path not in small:
            path.unlink()
    for path in (site / "_static").rglob("*.map"):
        path.unlink()
    (site / "_static/scripts/fontawesome.js").unlink()
    for page in pages:
        text = FONT_AWESOME.sub("", page.read_text("utf8"))
        # Without scripts nothing turns "auto" into a theme, and the page would have no colours.
        text = text.replace('data-theme="auto"', 'data-theme="light"', 1)
        text = LOGO.sub(r'\1 loading="lazy"', text)
        if page.name != "search.html":
            text = SEARCH.sub("", text)
        page.write_text(text, "utf8")


def setup(app):
    """Connect the three steps to what happens in a build."""
    app.connect("doctree-read", shrink_pictures, priority=400)  # before Sphinx collects the images
    app.connect("html-page-context", leave_out, priority=900)
    app.connect("build-finished", lighten)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
