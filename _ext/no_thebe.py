"""Leave Thebe out of every page.

Jupyter Book always loads sphinx-thebe, which adds its inline settings twice: a script error on every page, for a live
kernel that this book does not offer (its notebooks run on Binder and Colab instead).
"""


def setup(app):
    """Take back what sphinx-thebe, loaded before, has asked for."""
    for listeners in app.events.listeners.values():
        listeners[:] = [listener for listener in listeners if listener.handler.__module__ != "sphinx_thebe"]
    app.registry.css_files[:] = [(name, options) for name, options in app.registry.css_files if "thebe" not in name]
    return {"parallel_read_safe": True, "parallel_write_safe": True}
