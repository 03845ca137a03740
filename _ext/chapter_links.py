"""Turn the chapters that docstrings name, such as chapters/conv-forward.md, into links on the API page.

A docstring that names a chapter which does not exist fails the build.
"""

import re


def _link(app, what, name, obj, options, lines):
    lines[:] = [re.sub(r"(chapters/[\w-]+)\.md", r":doc:`/\1`", line) for line in lines]


def setup(app):
    """Change the docstrings as autodoc reads them."""
    app.connect("autodoc-process-docstring", _link)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
