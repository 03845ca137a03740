"""Check a built site: `python -m tools.site _build/html`.

A build can succeed and still leave pages out, or fetch scripts from somewhere else. This fails unless every page of
`_toc.yml` was built with its own title, no page loads anything from another host, and every link inside the site
leads to
a file and to a place in it that exist.
"""

import argparse
import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import yaml

BOOK = Path(__file__).resolve().parents[1]
# What a browser fetches by itself; <a href> is only followed by a reader, <link rel="canonical"> is not fetched.
FETCHED = {
    "script": "src",
    "img": "src",
    "iframe": "src",
    "source": "src",
    "video": "src",
    "audio": "src",
    "embed": "src",
}
FETCHED_LINKS = {"stylesheet", "preload", "prefetch", "preconnect", "icon", "dns-prefetch", "modulepreload"}


def pages(toc):
    """Return the pages of a table of contents, in order; refuse one that lists none."""
    found = []

    def visit(entry):
        if isinstance(entry, list):
            for item in entry:
                visit(item)
        elif isinstance(entry, dict):
            found.extend(entry[key] for key in ("root", "file") if key in entry)
            for key in ("parts", "chapters", "sections"):
                visit(entry.get(key, []))

    visit(yaml.safe_load(Path(toc).read_text("utf8")))
    if not found:
        raise ValueError(f"{toc} lists no page")
    return found


class _Page(HTMLParser):
    """What a page loads by itself, its links and places, and the texts of its top headings (one more is for
    printing).
    """

    def __init__(self):
        super().__init__()
        self.loads, self.links, self.places, self.headings, self._in_heading = [], [], set(), [], False

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.places.update(attributes[key] for key in ("id", "name") if attributes.get(key))
        if tag == "a" and attributes.get("href"):
            self.links.append(attributes["href"])
        if tag in FETCHED and attributes.get(FETCHED[tag]):
            self.loads.append(attributes[FETCHED[tag]])
        if tag == "link" and FETCHED_LINKS & set((attributes.get("rel") or "").split()):
            self.loads.append(attributes["href"])
        if tag == "h1":
            self.headings.append("")
        self._in_heading = tag == "h1" or (self._in_heading and tag != "a")

    def handle_endtag(self, tag):
        self._in_heading = self._in_heading and tag != "h1"

    def handle_data(self, data):
        if self._in_heading:
            self.headings[-1] += data


def title(source):
    """Return the first heading of a `.md` page as plain text."""
    heading = re.search(r"^# (.+)$", Path(source).read_text("utf8"), re.M)
    if not heading:
        raise ValueError(f"{source} has no title")
    return heading[1]


def _read(path):
    page = _Page()
    page.feed(path.read_text("utf8"))
    return page


def dead_links(site):
    """Return the links between the pages of a site whose file or place does not exist, one line each."""
    site = Path(site).resolve()
    read = {path: _read(path) for path in sorted(site.rglob("*.html"))}
    found = []
    for path, page in read.items():
        for link in dict.fromkeys(page.links):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            place = unquote(parts.fragment)
            if not target.is_file():
                found.append(f"{path.relative_to(site)} links to {link}, and there is no such file")
            elif place and target in read and place not in read[target].places:
                found.append(f"{path.relative_to(site)} links to {link}, and there is no such place")
    return found


def problems(site, book=BOOK):
    """Return what is wrong with a built site, one line each; an empty list where nothing is."""
    found = []
    for name in pages(book / "_toc.yml"):
        built = Path(site) / f"{name}.html"
        if not built.exists():
            found.append(f"{name} is in _toc.yml, but {built.name} was not built")
            continue
        page = _read(built)
        wanted = title(book / f"{name}.md")
        if wanted not in map(str.strip, page.headings):
            found.append(f"{name}: its source is titled {wanted!r}, the built page has {page.headings}")
        found += [f"{name} loads {link} from another host" for link in page.loads if urlsplit(link).netloc]
    return found + dead_links(site)


def main():
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("site", type=Path)
    sys.exit("\n".join(problems(parser.parse_args().site)) or None)


if __name__ == "__main__":
    main()
