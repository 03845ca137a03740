"""Number the theorems of the chapters and set each in a box with an address of its own.

In the sources a theorem is plain Markdown, which Jupyter shows as well: a paragraph that begins with **Theorem.** or
**Theorem (name).**, up to the paragraph that begins with *Proof*. On the site it is Theorem 6.1 (name).
"""

from docutils import nodes
from sphinx.errors import ExtensionError


def opens(node, kind, word):
    """Say whether a node is a paragraph that begins with a word in bold or in italics."""
    if not isinstance(node, nodes.paragraph) or not node.children:
        return False
    return isinstance(node[0], kind) and node[0].astext().startswith(word)


def number(app, doctree, page):
    """Number the theorems of a page."""
    chapter = app.env.toc_secnumbers.get(page, {}).get("", ())
    theorems = [node for node in doctree.findall(nodes.paragraph) if opens(node, nodes.strong, "Theorem")]
    for count, theorem in enumerate(theorems, 1):
        label = ".".join(map(str, (*chapter, count)))
        section = theorem.parent
        begin = section.index(theorem)
        ends = (k for k in range(begin, len(section)) if opens(section[k], nodes.emphasis, "Proof"))
        end = next(ends, None)
        if end is None:
            raise ExtensionError(f"{page}: no paragraph after theorem {label} begins with *Proof*")
        words = theorem[0].astext()
        theorem[0].children = [nodes.Text(words.replace("Theorem", f"Theorem {label}", 1))]
        box = nodes.container("", *section[begin:end], classes=["theorem"], ids=[f"theorem-{label.replace('.', '-')}"])
        del section[begin:end]
        section.insert(begin, box)


def setup(app):
    """Number theorems when the numbers of the chapters are known."""
    app.connect("doctree-resolved", number)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
