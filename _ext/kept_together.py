"""Keep a formula in a line together with the signs around it.

A browser may break a line on both sides of a formula, so that a line would begin with the comma after it.
"""

import re

FORMULA = re.compile(r'[(\[“]*(?P<alone><span class="math [^>]*>[^<]*</span>)(?:-\w+)?[.,;:!?)\]”’]*')


def together(body):
    """Return the HTML of a page with each formula and the signs that touch it in a span that does not break."""
    return FORMULA.sub(lambda m: m[0] if m[0] == m["alone"] else f'<span class="together">{m[0]}</span>', body)


def keep(app, page, template, context, doctree):
    """Change the text of a page before it is written."""
    context["body"] = together(context.get("body", ""))


def setup(app):
    """Connect the step to the writing of a page."""
    app.connect("html-page-context", keep)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
