"""Take back roles that docutils gives to the bibliography and that assistive software refuses.

It marks the list of works as a list without list items (each work is preceded by links), and each work with a role that
the standard (WAI-ARIA 1.2, DPUB 1.1) has withdrawn.
"""

import re

REFUSED = re.compile(
    r'(?<=<div) role="list"(?= class="citation-list")|(?<=<div)(?P<work> class="citation" id="[^"]*") role="doc-biblioentry"'
)


def take_back(app, page, template, context, doctree):
    """Remove the roles from a page's text."""
    if "body" in context:
        context["body"] = REFUSED.sub(lambda found: found["work"] or "", context["body"])


def setup(app):
    """Change pages as they are written."""
    app.connect("html-page-context", take_back, priority=600)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
