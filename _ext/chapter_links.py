"""Turn the chapters that docstrings name, such as chapters/conv-forward.md, into links on the API page."""

import re


def _link(app, what, name, obj, options, lines):
    def link(match):
        return f":doc:`/{match[1]}`" if match[1] in app.env.found_docs else match[0]

    lines[:] = [re.sub(r"(chapters/[\w-]+)\.md", link, line) for line in lines]


def setup(app):
    """Change the docstrings as autodoc reads them."""
    app.connect("autodoc-process-docstring", _link)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
