# What each target does: `make help`. Without make, the README gives the commands themselves.
PYTHON ?= python3
BIN := .venv/bin
SITE := _build/html
QUICK := ^(3x3 (s2 )?64-(64|128) @56|1x1 256-64 @56|3x3 512-512 @7|3x3 16-16 @32|3x3 depthwise 128|2x2 s2 128 @112);
PACKAGE_TESTS := tests lectcode --ignore=tests/book
PARALLEL := -n logical --maxprocesses 4
COMPILED_TESTS := tests/verify $(addprefix tests/test_,compiled.py simd.py workers.py gemm.py gemm_filters.py grouped.py rowwise.py winograd.py pool_kernels.py)

.DEFAULT_GOAL := help

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(BIN)/python:
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip

# One environment in two steps: what readers need, and what tests and lint add. The stamps keep make from reinstalling.
.venv/book: requirements.txt pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet -r requirements.txt
	touch $@

.venv/development: requirements-dev.txt .venv/book
	$(BIN)/python -m pip install --quiet -r requirements-dev.txt
	touch $@

.venv/peers: tests/requirements-peers.txt .venv/development
	$(BIN)/python -m pip install --quiet -r tests/requirements-peers.txt
	touch $@

.venv/bench: benchmarks/requirements.txt .venv/peers
	$(BIN)/python -m pip install --quiet -r benchmarks/requirements.txt
	touch $@

book: .venv/book  ## build the site into _build/html; warnings are errors
	$(BIN)/jupyter-book build --all -W -n --keep-going .
	$(BIN)/python -m tools.site $(SITE)

test: .venv/development  ## run every test that needs no browser, and re-run every notebook
	$(BIN)/python -m pytest -m "not browser" $(PARALLEL)
	$(BIN)/python -m tools.warm
	$(BIN)/python -m pytest --nbval intro.ipynb chapters $(PARALLEL) --dist loadfile

notebooks: .venv/book  ## execute every page and write its .ipynb twin
	$(BIN)/python -m tools.notebooks

check: .venv/development  ## lint, and see that every twin fits its source
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m tools.notebooks --check

serve: .venv/book  ## open the built site at http://127.0.0.1:8000
	(sleep 1; $(BIN)/python -m webbrowser http://127.0.0.1:8000 > /dev/null) &
	$(BIN)/python -m http.server --bind 127.0.0.1 --directory $(SITE) 8000

test-long: .venv/development  ## the same tests with thousands of random examples each
	HYPOTHESIS_PROFILE=long $(BIN)/python -m pytest -m "not browser"

# Checked and unchecked machine code must not share a cache.
boundscheck: .venv/development  ## the tests of the package with every array index checked
	NUMBA_BOUNDSCHECK=1 NUMBA_CACHE_DIR=_build/numba-boundscheck $(BIN)/python -m pytest $(PACKAGE_TESTS)

# Kernels run as plain Python, where every line counts; the verifier's loops, and what is compiled into vectors, as they
# are in use, without a cache, for what was compiled before is not compiled again.
coverage: .venv/development  ## the tests of the package; demands full line and branch coverage
	NUMBA_DISABLE_JIT=1 $(BIN)/python -m pytest $(PACKAGE_TESTS) --ignore=tests/verify --cov=lectcode --cov-branch --cov-report=
	rm -rf _build/numba-coverage
	NUMBA_CACHE_DIR=_build/numba-coverage $(BIN)/python -m pytest $(COMPILED_TESTS) --cov=lectcode --cov-branch --cov-append --cov-report=term-missing --cov-fail-under=100

peers: .venv/peers  ## add PyTorch, the peer of some tests, to the environment

bench: .venv/bench  ## time every layer and a training step beside PyTorch and onnxruntime; record it in benchmarks/results/
	$(BIN)/python -m benchmarks --walks 3 --json benchmarks/results
	$(BIN)/python -m benchmarks.train_digits --json benchmarks/results
	$(BIN)/python -m benchmarks.rounding --json benchmarks/results
	$(BIN)/python -m benchmarks.workspace --json benchmarks/results
	$(BIN)/python -m benchmarks.compile_time --json benchmarks/results

bench-quick: .venv/bench  ## the same for a few layers; records nothing
	$(BIN)/python -m benchmarks --only '$(QUICK)' --batch 8 --dtypes float32

mutants: .venv/development  ## put every mutant of every formula through the checks
	$(BIN)/python -m lectcode.verify.mutants --jobs 2

site-test: .venv/development  ## build the site and test it in a real browser; as root on Debian, installs a missing Chromium
	$(BIN)/python -m tools.browser
	$(BIN)/python -m pytest -m "browser and alone" tests/book
	$(BIN)/python -m pytest -m "browser and not alone" tests/book $(PARALLEL) --dist loadgroup

screenshots: .venv/development book  ## photograph every page, desktop and phone, light and dark, into _build/screenshots
	$(BIN)/python -m tools.screenshots

binder: .venv/development  ## run every notebook in a fresh environment from binder/, through a Jupyter server
	$(BIN)/python -m tools.binder

address: .venv/book  ## write the repository's public address: make address URL=https://github.com/OWNER/NAME
	$(BIN)/python -m tools.address $(URL)

clean:  ## remove the built site and the environment
	rm -rf _build .venv

.PHONY: help book test notebooks check serve test-long boundscheck coverage peers bench bench-quick mutants site-test screenshots binder address clean
