"""The bibliography: each work stands once, in order, and is cited; each citation has its work."""

import re
from itertools import pairwise

import pytest

from tools.notebooks import BOOK, sources

BIBLIOGRAPHY = (BOOK / "references.bib").read_text("utf8")
PAGES = {source.name: source.read_text("utf8") for source in sources()}


def faults_of_references(bibliography, pages):
    """Return what is wrong with a bibliography and the pages that cite from it, a line each."""
    entries = re.findall(r"^@\w+\{([^,\s]+),(.*?)^\}", bibliography, re.M | re.S)
    keys = [key for key, _ in entries]
    titles = {}
    faults = [f"{later} stands after {earlier}" for earlier, later in pairwise(keys) if later <= earlier]
    for key, entry in entries:
        title = re.sub(r"\W", "", re.search(r"^\s*title\s*=\s*\{(.*)\}", entry, re.M)[1]).lower()
        if title in titles:
            faults.append(f"{key} is the same work as {titles[title]}")
        titles.setdefault(title, key)
    cited = {}
    for page, text in pages.items():
        for group in re.findall(r"\{cite[\w:]*\}`([^`]+)`", text):
            cited |= {key.strip(): page for key in group.split(",")}
    faults += [f"{page} cites {key}, which is not there" for key, page in cited.items() if key not in keys]
    return faults + [f"no page cites {key}" for key in keys if key not in cited]


def test_each_work_stands_once_and_is_cited():
    assert "@" in BIBLIOGRAPHY
    assert faults_of_references(BIBLIOGRAPHY, PAGES) == []


def work(key, title):
    return f"@book{{{key},\n  author = {{A. Author}},\n  title  = {{{title}}}\n}}\n\n"


@pytest.mark.parametrize(
    ("more", "text", "faults"),
    [
        ("", "", []),
        (work("b2", "Two"), "", ["b2 stands after b2", "b2 is the same work as b2"]),
        (work("a0", "Zero"), "{cite}`a0`", ["a0 stands after b2"]),
        (work("c3", "{Two}"), "{cite:t}`c3`", ["c3 is the same work as b2"]),
        (work("c3", "Three"), "", ["no page cites c3"]),
        ("", "{cite}`a1, d4`", ["more.md cites d4, which is not there"]),
    ],
)
def test_a_fault_is_seen(more, text, faults):
    bibliography = work("a1", "{One}") + work("b2", "Two") + more
    assert faults_of_references(bibliography, {"page.md": "{cite}`a1,b2`", "more.md": text}) == faults
