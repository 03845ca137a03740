"""Number the theorems of the chapters and set each in a box with an address of its own.

In the sources a theorem is plain Markdown, which Jupyter shows as well: a paragraph that begins with **Theorem.** or
**Theorem (name).**, up to the paragraph that begins with *Proof*. On the site it is Theorem 6.1 (name).
"""

from docutils import nodes
from sphinx.errors import ExtensionError


def opening(node, kind, word):
    """Return the bold or italic node with which a paragraph opens if it begins with a word, else None."""
    if not isinstance(node, nodes.paragraph):
        return None
    first = next((child for child in node if child.astext()), None)  # the parser puts an empty text before it
    return first if isinstance(first, kind) and first.astext().startswith(word) else None


def number(app, doctree, page):
    """Number the theorems of a page."""
    chapter = app.env.toc_secnumbers.get(page, {}).get("", ())
    theorems = [node for node in doctree.findall(nodes.paragraph) if opening(node, nodes.strong, "Theorem")]
    for count, theorem in enumerate(theorems, 1):
        title = opening(theorem, nodes.strong, "Theorem")
        label = ".".join(map(str, (*chapter, count)))
        section = theorem.parent
        begin = section.index(theorem)
        ends = (k for k in range(begin, len(section)) if opening(section[k], nodes.emphasis, "Proof"))
        end = next(ends, None)
        if end is None:
            raise ExtensionError(f"{page}: no paragraph after theorem {label} begins with *Proof*")
        title[:] = [nodes.Text(title.astext().replace("Theorem", f"Theorem {label}", 1))]
        box = nodes.container("", *section[begin:end], classes=["theorem"], ids=[f"theorem-{label.replace('.', '-')}"])
        del section[begin:end]
        section.insert(begin, box)


def setup(app):
    """Number theorems when the numbers of the chapters are known."""
    app.connect("doctree-resolved", number)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
