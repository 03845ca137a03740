"""The wheel holds the package and the chapters, and works where the repository is not."""

import subprocess
import sys
import zipfile

import pytest

from tools.notebooks import BOOK


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder]
    subprocess.run(command, cwd=BOOK, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


def test_wheel_holds_the_chapters_and_no_notebook(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    chapters = {f"lectcode/book/chapters/{path.name}" for path in (BOOK / "chapters").glob("*.md")}
    assert chapters
    assert chapters | {"lectcode/book/_toc.yml", "lectcode/book/intro.md", "lectcode/conv.py"} <= set(names)
    assert {f"lectcode/book/benchmarks/{path.name}" for path in (BOOK / "benchmarks" / "results").glob("*.json")} < set(
        names
    )
    assert not [name for name in names if name.endswith(".ipynb") or name.startswith(("tests/", "tools/"))]


def test_installed_wheel_works(wheel, tmp_path):
    zipfile.ZipFile(wheel).extractall(tmp_path)
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import lectcode, numpy as np\n"
        "assert lectcode.__file__.startswith(sys.argv[1]), lectcode.__file__\n"
        "print(lectcode.conv2d(np.ones((1, 1, 3, 3)), np.ones((1, 1, 2, 2))).sum())"
    )
    command = [sys.executable, "-I", "-c", code, str(tmp_path)]
    finished = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert finished.stdout.strip() == "16.0", finished.stderr
