"""Help readers along: how long a chapter takes, where its letters are explained, and how to report an error in it.

The time of a chapter is computed from its text, by this rule: WORDS_A_MINUTE words a minute, and MINUTES_A_STOP minutes
for each displayed formula and each cell of code that is shown. Exercises and their solutions are not counted, nor is
code
that is folded away. The result is rounded to 5 minutes. Without a public address no link to report an error is made.
"""

from html import escape
from urllib.parse import urlencode

from docutils import nodes
from sphinx.errors import ExtensionError

WORDS_A_MINUTE, MINUTES_A_STOP = 200, 0.5
LINKS = {"Notation": "chapters/notation", "Formula sheet": "chapters/formula-sheet"}
TEMPLATE = "error-in-the-book.yml"  # in .github/ISSUE_TEMPLATE
FOLDED = {"tag_hide-input", "tag_hide-cell", "tag_remove-input", "tag_remove-cell"}
NOT_READ = (nodes.literal_block, nodes.math_block, nodes.comment, nodes.raw, nodes.system_message, nodes.image)


def extent(node):
    """Return how many words, displayed formulas and cells of code a reader of a doctree meets."""
    if isinstance(node, nodes.Text):
        return len(node.split()), 0, 0
    if isinstance(node, nodes.math):  # one formula in a line reads like a word
        return 1, 0, 0
    if isinstance(node, nodes.math_block):
        return 0, 1, 0
    classes = set(node.get("classes", ()))
    if (
        isinstance(node, NOT_READ)
        or classes & {"exercise", "solution"}
        or node.get("class") in ("exercise", "solution")
    ):
        return 0, 0, 0
    if "cell" in classes:
        return 0, 0, 0 if classes & FOLDED else 1
    return tuple(map(sum, zip((0, 0, 0), *map(extent, node.children), strict=True)))


def minutes(words, formulas, cells):
    """Return the time to read that much, in minutes, rounded to 5 and at least 5."""
    return max(5, 5 * round((words / WORDS_A_MINUTE + MINUTES_A_STOP * (formulas + cells)) / 5))


def report(repository, page):
    """Return the address at which an error on a page is reported."""
    return f"{repository}/issues/new?{urlencode({'template': TEMPLATE, 'page': page})}"


def add(app, page, template, context, doctree):
    """Put the aids below a chapter's title and at the end of every page."""
    if doctree is None:
        return
    if page in app.env.toc_secnumbers:
        missing = [target for target in LINKS.values() if target not in app.env.found_docs]
        if missing:
            raise ExtensionError(f"the links below the titles lead to missing pages: {missing}")
        links = [f'<a href="{escape(context["pathto"](target))}">{name}</a>' for name, target in LINKS.items()]
        time = f"About {minutes(*extent(doctree))} minutes without the exercises"
        heading, end, rest = context["body"].partition("</h1>")
        aids = " · ".join([f"<span>{time}</span>", *links])
        context["body"] = f'{heading}{end}\n<p class="reading-aids">{aids}</p>{rest}'
    repository = app.config.html_theme_options.get("repository_url")
    if repository:
        link = f'<a href="{escape(report(repository, page))}">Found an error on this page? Tell us.</a>'
        context["body"] += f'\n<p class="found-an-error">{link}</p>'


def setup(app):
    """Connect the aids to the writing of a page."""
    app.connect("html-page-context", add, priority=600)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
