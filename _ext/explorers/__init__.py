"""Put the explorers on the pages that hold one, and on no other.

A page holds an explorer as raw HTML, `<convolution-explorer id="NAME" start="STATE">`, some words, and the end tag:
without scripts, and in a notebook, the words are left. The modules beside this file are bundled into one classic
script, because a browser loads no modules for a page that was opened from disk.
"""

import re
from pathlib import Path

from docutils import nodes

HERE = Path(__file__).parent
SCRIPT, STYLE = "explorers.js", "explorers.css"
ELEMENT = re.compile(r"<(?:convolution|gradient|pooling|receptive-field)-explorer\b")
IMPORT = re.compile(r'^import \{([^}]*)\} from "\./([\w-]+)\.js";\n', re.M)
EXPORT = re.compile(r"^export (?=(?:async )?(?:function|class|const) (\w+))", re.M)


def bundle(entry="main", folder=HERE):
    """Return the modules that `entry` needs as one script: each a function that returns what it exports."""
    written = {}

    def add(name):
        source = (folder / f"{name}.js").read_text("utf8")
        for _, needed in IMPORT.findall(source):
            if needed not in written:
                add(needed)
        body = IMPORT.sub(lambda found: f"const {{{found[1]}}} = {_constant(found[2])};\n", source)
        body, names = EXPORT.sub("", body), ", ".join(EXPORT.findall(body))
        if re.search(r"^\s*(import|export)\b", body, re.M):
            raise ValueError(f"{name}.js imports or exports in a way that the bundle does not know")
        written[name] = f"const {_constant(name)} = (() => {{\n{body}return {{ {names} }};\n}})();\n"

    add(entry)
    return '(() => {\n"use strict";\n' + "".join(written.values()) + "})();\n"


def _constant(name):
    return "module_" + name.replace("-", "_")


def _write(app):
    if app.builder.format != "html":
        return
    static = Path(app.outdir) / "_static"
    static.mkdir(parents=True, exist_ok=True)
    (static / SCRIPT).write_text(bundle(), "utf8")
    (static / STYLE).write_text((HERE / STYLE).read_text("utf8"), "utf8")


def _load(app, pagename, templatename, context, doctree):
    if doctree is not None and any(ELEMENT.search(raw.astext()) for raw in doctree.findall(nodes.raw)):
        app.add_js_file(SCRIPT, loading_method="defer")
        app.add_css_file(STYLE)


def setup(app):
    """Write the script and the style sheet, and load them where they are needed."""
    app.connect("builder-inited", _write)
    app.connect("html-page-context", _load)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
