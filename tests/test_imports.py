"""Who may import whom (the arrows of the design), and what importing lectcode costs."""

import ast
import builtins
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

import lectcode.kernels

ROOT = Path(__file__).parents[1]

# The first rule that fits a module decides what it may import beside the standard library.
ARROWS = {
    "lectcode.reference": {"numpy"},
    "lectcode.shapes": {"numpy"},
    "lectcode.gradcheck": {"numpy", "lectcode.shapes"},
    "lectcode.kernels": {"numpy", "numba", "llvmlite", "lectcode.kernels"},
    "lectcode.conv": {"numpy", "lectcode.shapes", "lectcode.kernels"},
    "lectcode.pool": {"numpy", "numba", "lectcode.shapes", "lectcode.kernels"},
    "lectcode.nn": {"numpy", "lectcode"},
    "lectcode.data": {"numpy", "sklearn"},
    "lectcode.figures": {"numpy", "matplotlib", "lectcode"},
    "lectcode.verify": {"numpy", "numba", "sympy", "lark", "z3", "tqdm", "lectcode"},
    "lectcode": {"lectcode"},
}
# ... and what a module that may import "lectcode" must leave alone in it.
APART = {
    "lectcode.nn": {"lectcode.reference", "lectcode.verify", "lectcode.figures", "lectcode.data"},
    "lectcode.figures": {"lectcode.reference", "lectcode.verify"},
    "lectcode.verify": {"lectcode.figures", "lectcode.data"},
    "lectcode": {"lectcode.reference", "lectcode.verify", "lectcode.figures", "lectcode.data"},
}


def within(module, package):
    return module == package or module.startswith(package + ".")


def imported(path, package):
    """Yield the modules that a file of a package imports, wherever in it, with names taken from lectcode spelt out."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            source = importlib.util.resolve_name("." * node.level + (node.module or ""), package)
            yield from (f"lectcode.{alias.name}" for alias in node.names) if source == "lectcode" else (source,)


def offences(root):
    """Yield "module imports module" for each import against the arrows."""
    for path in sorted((root / "lectcode").rglob("*.py")):
        module = ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
        package = module if path.name == "__init__.py" else module.rpartition(".")[0]
        rule = next((name for name in ARROWS if within(module, name)), None)
        for target in imported(path, package):
            allowed = target.partition(".")[0] in sys.stdlib_module_names or any(
                within(target, package) for package in ARROWS[rule]
            )
            if not allowed or any(within(target, module) for module in APART.get(rule, ())):
                yield f"{module} imports {target}"


def test_the_arrows_hold():
    assert list(offences(ROOT)) == []


@pytest.mark.parametrize(
    ("file", "line", "offence"),
    [
        ("conv.py", "import sympy", "lectcode.conv imports sympy"),
        ("conv.py", "from lectcode import reference", "lectcode.conv imports lectcode.reference"),
        ("pool.py", "from lectcode.reference import pad", "lectcode.pool imports lectcode.reference"),
        ("reference.py", "from lectcode.shapes import output_size", "lectcode.reference imports lectcode.shapes"),
        ("kernels/direct.py", "from lectcode import shapes", "lectcode.kernels.direct imports lectcode.shapes"),
        ("kernels/__init__.py", "import scipy.signal", "lectcode.kernels imports scipy.signal"),
        ("figures/lines.py", "from lectcode import reference", "lectcode.figures.lines imports lectcode.reference"),
        ("shapes.py", "def f():\n    import matplotlib", "lectcode.shapes imports matplotlib"),
        ("verify/prover.py", "import matplotlib.pyplot", "lectcode.verify.prover imports matplotlib.pyplot"),
        ("verify/prover.py", "from tests import geometry", "lectcode.verify.prover imports tests"),
        ("nn.py", "from . import reference", "lectcode.nn imports lectcode.reference"),
        ("verify/prover.py", "from ..figures import plot", "lectcode.verify.prover imports lectcode.figures"),
    ],
)
def test_the_arrows_see_a_planted_fault(tmp_path, file, line, offence):
    path = tmp_path / "lectcode" / file
    path.parent.mkdir(parents=True)
    path.write_text(f"import numpy as np\n\n{line}\n")
    assert list(offences(tmp_path)) == [offence]


def python(code, **environment):
    """Run code in a fresh process and return what it prints."""
    command = [sys.executable, "-c", code]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, check=True, timeout=300
    )
    return done.stdout


@pytest.mark.parametrize(
    ("problem", "told"),
    [("cannot cache function 'f': no locator available", "set the environment variable NUMBA_CACHE_DIR"), ("x", "^x$")],
)
def test_only_a_cache_that_cannot_be_written_is_explained(monkeypatch, problem, told):
    true_import = builtins.__import__

    def failing(name, *context):
        if name == "lectcode.kernels":
            raise RuntimeError(problem)
        return true_import(name, *context)

    monkeypatch.setattr(builtins, "__import__", failing)
    with pytest.raises(RuntimeError, match=told):
        importlib.reload(lectcode.kernels)


def test_importing_loads_only_numba_and_lectcode_and_compiles_nothing(tmp_path):
    code = """
import sys, numba, numba.extending
packages = lambda: {name.partition(".")[0] for name in sys.modules}
before = packages()
import lectcode
more = packages() - before - {"lectcode"}
print(sorted(more - set(sys.stdlib_module_names)))
import importlib, pkgutil
from lectcode import kernels
names = [name for _, name, _ in pkgutil.iter_modules(kernels.__path__, "lectcode.kernels.")]
assert len(names) > 20
for name in names:
    module = importlib.import_module(name)
    for name, kernel in vars(module).items():
        if hasattr(kernel, "py_func"):
            assert kernel.signatures == [], name
"""
    assert python(code, NUMBA_CACHE_DIR=str(tmp_path)) == "[]\n"
    assert not list(tmp_path.rglob("*.nbc"))


COUNT = """
import numpy as np, lectcode
from lectcode.kernels import gemm
lectcode.conv2d(np.zeros((1, 1, 3, 4)), np.zeros((9, 1, 2, 2)))
lectcode.conv2d(np.asfortranarray(np.zeros((1, 2, 3, 4))), np.zeros((9, 2, 2, 2)), padding="same")
stats = gemm._correlate.stats
print(sum(stats.cache_misses.values()), sum(stats.cache_hits.values()))
"""


@pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="nothing is compiled without the JIT")
def test_a_second_process_does_not_compile(tmp_path):
    """One version per dtype, whatever the layout; the second process finds it on disk."""
    assert python(COUNT, NUMBA_CACHE_DIR=str(tmp_path)) == "1 0\n"
    assert python(COUNT, NUMBA_CACHE_DIR=str(tmp_path)) == "0 1\n"


@pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="nothing is kept without the JIT")
def test_where_nothing_can_be_written_the_error_says_what_to_set():
    """Numba refuses at import, with words of its own, where it finds no place for its cache."""
    code = "from numba.core import caching; caching.CacheImpl._locator_classes = []; import lectcode"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "RuntimeError: lectcode keeps compiled kernels on disk" in result.stderr
    assert result.stderr.strip().endswith("set the environment variable NUMBA_CACHE_DIR to a folder that can")
