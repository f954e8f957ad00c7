# Two commands do their own set-up on a machine with Python 3.11+ and make:
#   make demo    the main job on embedded defaults
#   make test    the whole test suite
# PYTHON chooses the interpreter, VENV the folder of the environment.

PYTHON ?= python3
VENV ?= .venv
BUILD ?= build
DIST ?= dist
# Arguments for pytest, such as PYTEST_ARGS="tests/zoo -x".
PYTEST_ARGS ?=
# Two workers pay for their own TensorFlow import from two cores upwards.
PYTEST_WORKERS ?= 2
DEMO_ARGS ?=

BIN := $(VENV)/bin
SOURCES := pyproject.toml setup.py
INSTALL := $(BIN)/python -m pip install --disable-pip-version-check --quiet

.DEFAULT_GOAL := help
.PHONY: help demo test lint format typecheck docs wheel clean

help:
	@echo "make demo       load, adapt, export, serve, predict, draw an episode"
	@echo "make test       the whole test suite"
	@echo "make lint       ruff: rules and format"
	@echo "make format     let ruff rewrite the files"
	@echo "make typecheck  mypy on a normally installed copy"
	@echo "make docs       the generated tables and method pages"
	@echo "make wheel      the wheel, in dist/"
	@echo "make clean      remove what these commands made"

demo: $(VENV)/.demo
	$(BIN)/metazoo demo $(DEMO_ARGS)

test: $(VENV)/.test
	$(BIN)/python -m pytest -n $(PYTEST_WORKERS) --dist worksteal \
	    $(PYTEST_ARGS)

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# mypy can't follow the editable mapping of zoo/ to metazoo, so it reads a
# copy that was installed as a user installs it.
typecheck: $(VENV)/.dev
	rm -rf $(BUILD)/types build/lib
	$(INSTALL) --no-deps --target $(BUILD)/types .
	$(BIN)/mypy --config-file pyproject.toml $(BUILD)/types/metazoo

docs: $(VENV)/.demo
	$(BIN)/python docs/build_tables.py

wheel: $(VENV)/.dev
	rm -rf build/lib
	$(BIN)/python -m build --wheel --outdir $(DIST) .

clean:
	rm -rf $(BUILD) $(DIST) $(VENV) *.egg-info .pytest_cache .ruff_cache \
	    .mypy_cache .hypothesis

$(VENV)/.demo: EXTRAS := serving,plots
$(VENV)/.test: EXTRAS := test
$(VENV)/.dev: EXTRAS := dev

# A stamp is written once everything is installed, so that an interrupted
# installation starts again.
$(VENV)/.demo $(VENV)/.test $(VENV)/.dev: $(SOURCES) | $(BIN)/python
	@echo "Installing metazoo[$(EXTRAS)] into $(VENV) (once; some minutes)"
	$(INSTALL) --editable ".[$(EXTRAS)]"
	@touch $@

$(BIN)/python:
	@command -v $(PYTHON) >/dev/null || { \
	    echo "metazoo needs Python 3.11 or newer; $(PYTHON) was not found." \
	        "Install it, or name one: make PYTHON=/path/to/python3.11"; \
	    exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "metazoo needs Python 3.11 or newer; $(PYTHON) is" \
	        "$$($(PYTHON) --version 2>&1). Name another one:" \
	        "make PYTHON=python3.11"; \
	    exit 1; }
	@$(PYTHON) -m venv $(VENV) || { \
	    echo "No environment could be made in $(VENV); on Debian and Ubuntu" \
	        "install the package python3-venv."; \
	    rm -rf $(VENV); exit 1; }
