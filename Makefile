# Everything a person does here. `make help` lists it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
TESTS ?= tests
# One more than the processors of a small machine: tests also wait for each other's servers.
WORKERS ?= 3

.DEFAULT_GOAL := help
.PHONY: help install install-dev run demo sandbox migrate test lint types security check bench faults attack format docs lock

help: ## List these targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed: name it with make PYTHON=/path/to/python3.11" >&2; exit 2; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
	  echo "Python cannot make a virtual environment: on Debian and Ubuntu, install python3-venv" >&2; exit 2; }

$(VENV)/.installed: requirements.lock | $(VENV)/bin/python
	@echo "Installing what Social Feed Manager needs into $(VENV)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@

$(VENV)/.installed-dev: requirements-dev.lock | $(VENV)/bin/python
	@echo "Installing what the tests need into $(VENV)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@ $(VENV)/.installed

install: $(VENV)/.installed ## Make .venv and install the locked libraries
install-dev: $(VENV)/.installed-dev ## The same, with what tests and checks need

run: install ## Start everything here: pages, collectors and, without a Twitter key, the sandbox
	@exec scripts/run

demo: install ## Show a whole collection against the sandbox, without a browser
	@$(BIN)/flask --app app demo

sandbox: install ## Run only the sandbox Twitter (port 8025)
	@$(BIN)/flask --app app sandbox --port 8025

migrate: install ## Bring the database up to date; an SQLite file is copied first
	@$(BIN)/flask --app app migrate_database

test: install-dev ## All tests, on SQLite and PostgreSQL, with a real browser where there is one
	@scripts/test_packages
	@$(BIN)/python -m pytest $(TESTS) -n $(WORKERS) --dist loadfile --no-loadscope-reorder -q

lint: install-dev ## Formatting and lint, of code, templates, style sheet and script
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/djlint --lint --quiet sfm
	@$(BIN)/python -m scripts.format_assets --check

types: install-dev ## Types, strictly; in tests and tools, names and arguments that are no more
	@$(BIN)/mypy

security: install-dev ## Known weaknesses in our own code: nothing at medium or above
	@$(BIN)/bandit -q -c pyproject.toml -r sfm app.py wsgi.py scripts -ll

check: lint types security test ## All that has to be green before a change lands

.venv-peers/.installed: bench/peers.lock
	@echo "Installing the peers that we are measured against into .venv-peers"
	@$(PYTHON) -m venv .venv-peers
	@.venv-peers/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

bench: install-dev .venv-peers/.installed ## Measure, side by side with peers and floors, and print a table
	@$(BIN)/python -m bench

faults: install-dev ## The long form of kills, troubles at random and disk faults (an hour or two)
	@scripts/test_packages
	@SFM_FAULTS=long $(BIN)/python -m pytest tests -q -m "faults or slow" --timeout 3600

attack: install-dev ## The long form of fuzzing
	@SFM_FAULTS=long $(BIN)/python -m pytest tests -q -m attack --timeout 3600

format: install-dev ## Put the code in the house's form
	@$(BIN)/ruff check -q --fix .
	@$(BIN)/ruff format -q .
	@$(BIN)/python -m scripts.format_assets

docs: install-dev ## Write the pages of docs/ that are made from the code
	@PYTHONPATH=. $(BIN)/python scripts/write_docs.py

lock: install-dev ## Lock what pyproject.toml asks for; what is locked already keeps its version
	@scripts/lock
