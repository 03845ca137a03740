"""Versions are pinned in the requirements files and nowhere else, and the package's ranges admit the pins."""

import re
import tomllib
from importlib.metadata import version

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools.notebooks import BOOK

FILES = [BOOK / "requirements.txt", BOOK / "requirements-dev.txt"]
OPTIONAL = [BOOK / "tests" / "requirements-peers.txt", BOOK / "benchmarks" / "requirements.txt"]
PINNED = re.compile(r"^([\w.-]+)==(\S+)", re.M)


def pins(files=FILES):
    return [(canonicalize_name(name), pin) for path in files for name, pin in PINNED.findall(path.read_text())]


def test_each_package_is_pinned_once():
    names = [name for name, _ in pins(FILES + OPTIONAL)]
    assert len(names) > 15
    assert {"torch", "onnxruntime"} < set(names)
    assert sorted(names) == sorted(set(names))


def test_this_environment_is_the_pinned_one():
    assert {name: version(name) for name, _ in pins()} == dict(pins())


def test_no_other_file_pins():
    others = (
        "pyproject.toml",
        "binder/requirements.txt",
        "Makefile",
        ".ci/run",
        ".github/workflows/book.yml",
        "README.md",
    )
    a_pin = re.compile(r"[\w\]]==\d")
    assert a_pin.search(FILES[0].read_text())
    assert [path for path in others if a_pin.search((BOOK / path).read_text("utf8"))] == []


def test_ranges_admit_the_pins():
    project = tomllib.loads((BOOK / "pyproject.toml").read_text())["project"]
    ranges = [*project["dependencies"], *(r for extra in project["optional-dependencies"].values() for r in extra)]
    checked = 0
    for requirement in map(Requirement, ranges):
        pin = dict(pins()).get(canonicalize_name(requirement.name))
        if pin:
            assert pin in requirement.specifier, requirement
            checked += 1
    assert checked >= 5


def test_readers_never_install_torch():
    assert "torch" not in FILES[0].read_text()
