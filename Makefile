# One command each: demo, serve, test, check. `make help` lists them.
# Everything lands in .venv, node_modules and api/web/static/vendor; `make clean` removes it.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WORKERS ?= 2

RUNTIME := $(VENV)/.runtime-installed
DEV := $(VENV)/.dev-installed
WEB := $(VENV)/.web-installed
# What builds packages is locked as well: installed first, then used for the packages that come as source, and for this one.
PIP := -m pip install --disable-pip-version-check --quiet --no-build-isolation --use-pep517
INSTALL := $(BIN)/python $(PIP)
LOCKED := $(INSTALL) --require-hashes

.PHONY: help install demo serve test check lint format types imports compiled servers lock clean

help:
	@echo "make demo     the whole service with a simulated site, in a browser"
	@echo "make serve    the service for real use (./forewarn.toml)"
	@echo "make install  installs the service into PREFIX, as for systemd"
	@echo "make test     installs what the tests need, checks, and runs every test"
	@echo "make check    lint, types and import rules only"
	@echo "make format   puts the code into its standard form"
	@echo "make lock     remakes requirements/*.txt with the newest versions"
	@echo "make clean    removes everything that set-up made"

demo: $(RUNTIME) $(WEB) compiled
	$(BIN)/forewarn demo

serve: $(RUNTIME) $(WEB) compiled
	$(BIN)/forewarn serve

test: servers $(DEV) $(WEB) compiled check
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile

check: lint types imports

lint: $(DEV)
	$(BIN)/ruff check --quiet .
	$(BIN)/ruff format --quiet --check .

types: $(DEV)
	$(BIN)/mypy

imports: $(DEV)
	$(BIN)/lint-imports --no-cache --no-logo

format: $(DEV)
	$(BIN)/ruff check --quiet --fix . ; $(BIN)/ruff format --quiet .

# The detectors' loops become machine code: half a minute after a change of theirs, else a second.
compiled: $(RUNTIME)
	@$(BIN)/python -m forewarn.compiling

servers:
	@scripts/install_servers.sh

# For a machine that runs the service: an environment of its own in PREFIX, nothing left of this checkout.
install: $(WEB)
	@test -n "$(PREFIX)" || { echo "name the folder: make install PREFIX=/opt/forewarn"; exit 2; }
	$(PYTHON) -m venv $(PREFIX)
	$(PREFIX)/bin/python $(PIP) --require-hashes -r requirements/build.txt
	$(PREFIX)/bin/python $(PIP) --require-hashes -r requirements/runtime.txt
	$(PREFIX)/bin/python $(PIP) --no-deps .

lock: $(DEV) $(WEB)
	PATH="$(CURDIR)/$(BIN):$$PATH" scripts/lock.sh

clean:
	find . -name '*.nb[ci]' -not -path './$(VENV)/*' -delete
	rm -rf $(VENV) node_modules api/web/static/vendor build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis

# --- set-up; a stamp each, so that a second call is quick ---

$(BIN)/python:
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(None if v >= (3, 11) else f"Forewarn needs Python 3.11 or newer; $(PYTHON) is {v.major}.{v.minor} (name another one: make PYTHON=python3.12 ...)")'
	$(PYTHON) -m venv $(VENV)

$(RUNTIME): requirements/runtime.txt requirements/build.txt pyproject.toml | $(BIN)/python
	@echo "Installing the locked Python packages into $(VENV) ..."
	$(LOCKED) -r requirements/build.txt
	$(LOCKED) -r requirements/runtime.txt
	$(INSTALL) --no-deps --editable .
	@touch $@

$(DEV): requirements/dev.txt requirements/build.txt pyproject.toml | $(BIN)/python
	@echo "Installing the locked Python packages and the tools into $(VENV) ..."
	$(LOCKED) -r requirements/build.txt
	$(LOCKED) -r requirements/dev.txt
	$(INSTALL) --no-deps --editable .
	@touch $(RUNTIME) $@

# The machine's npm, or one from a Python package where there is none.
$(WEB): package.json package-lock.json scripts/fetch_web.py | $(BIN)/python
	@command -v npm > /dev/null || { echo "No npm here: installing one into $(VENV) ..."; $(LOCKED) -r requirements/node.txt; }
	$(BIN)/python scripts/fetch_web.py
	@touch $@
