# What each target does: `make help`. Without make, the README gives the commands themselves.
PYTHON ?= python3
BIN := .venv/bin
SITE := _build/html

.DEFAULT_GOAL := help

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

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

book: .venv/book  ## build the site into _build/html; warnings are errors
	$(BIN)/jupyter-book build --all -W -n --keep-going .
	$(BIN)/python -m tools.site $(SITE)

test: .venv/development  ## run every test that needs no browser, and re-run every notebook
	$(BIN)/python -m pytest -m "not browser"
	$(BIN)/python -m tools.warm
	$(BIN)/python -m pytest --nbval intro.ipynb chapters

notebooks: .venv/book  ## execute every page and write its .ipynb twin
	$(BIN)/python -m tools.notebooks

check: .venv/development  ## lint, and see that every twin fits its source
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m tools.notebooks --check

serve: .venv/book  ## open the built site at http://127.0.0.1:8000
	$(BIN)/python -m http.server --bind 127.0.0.1 --directory $(SITE) 8000

browser: .venv/development  ## test the built site in a real browser (needs Chromium and `make book`)
	$(BIN)/python -m pytest -m browser

binder: .venv/development  ## run every notebook in a fresh environment from binder/, through a Jupyter server
	$(BIN)/python -m tools.binder

address: .venv/book  ## write the repository's public address: make address URL=https://github.com/OWNER/NAME
	$(BIN)/python -m tools.address $(URL)

clean:  ## remove the built site and the environment
	rm -rf _build .venv

.PHONY: help book test notebooks check serve browser binder address clean
