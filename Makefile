# Each target sets up what it needs in .venv, and says nothing where that is there already.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -qq
DEVICES ?= 8

.PHONY: run test check bench conformance differential sql-page loss fuzz lock clean

run: $(VENV)/run.stamp ## the bundled application with simulated devices
	@$(BIN)/bellwire run --simulate $(DEVICES)

test: $(VENV)/dev.stamp ## all tests, with real servers, clients and a browser
	@sh tests/tools/setup.sh
	@$(BIN)/python -m pytest -q

check: $(VENV)/dev.stamp ## format, lint, types, architecture
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/python -m pytest -q tests/test_architecture.py

bench: $(VENV)/dev.stamp ## benchmarks, beside their peers
	@sh tests/tools/setup.sh peers
	@$(BIN)/python -m bench

conformance: $(VENV)/dev.stamp ## AWS's requirements one by one, and Autobahn: docs/conformance.md
	@sh tests/tools/setup.sh peers
	@sh tests/conformance/autobahn/setup.sh $(BIN)/python
	@$(BIN)/python -m tests.conformance

differential: $(VENV)/dev.stamp ## the Python worker beside AWS's runtime client: docs/differential.md
	@$(BIN)/python -m tests.differential

sql-page: $(VENV)/dev.stamp ## every feature and function of IoT SQL with its cases: docs/iot-sql.md
	@$(BIN)/python -m tests.sql_page

loss: $(VENV)/dev.stamp ## 20 000 events while everything is killed: what is missing, what came twice
	@$(BIN)/python -m tests.loss

fuzz: $(VENV)/dev.stamp ## a minute of broken statements through IoT SQL
	@$(BIN)/python -m tests.fuzz_sql

lock: $(VENV)/dev.stamp ## bring the lock files up to date with pyproject.toml
	@$(PIP) install 'uv>=0.9'
	@sh requirements/lock.sh $(BIN)/uv

clean:
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis tests/tools/node_modules \
		tests/conformance/autobahn/.venv

$(VENV)/run.stamp: requirements/run.txt pyproject.toml
	@echo "Setting up $(VENV), once; this takes about half a minute."
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Bellwire needs Python 3.11 or newer: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) install --require-hashes -r requirements/run.txt
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/dev.stamp: $(VENV)/run.stamp requirements/dev.txt
	@echo "Adding what tests and checks need."
	@$(PIP) install --require-hashes -r requirements/dev.txt
	@touch $@
