"""Leave Thebe's scripts out of every page.

Jupyter Book always loads sphinx-thebe, which adds its inline settings twice: a script error on every page, for a live
kernel that the book does not offer (its notebooks run on Binder and Colab instead).
"""


def _is_thebe(script):
    return "thebe" in script.filename or "" if script.filename else "thebe" in str(script.attributes.get("body", ""))


def _drop_thebe(app, pagename, templatename, context, doctree):
    context["script_files"] = [script for script in context["script_files"] if not _is_thebe(script)]


def setup(app):
    """Filter the scripts after every other extension has added its own."""
    app.connect("html-page-context", _drop_thebe, priority=1000)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
