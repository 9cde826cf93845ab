# Nothing but Python 3.11, git and make is needed: uv comes from pip into .venv, everything else from uv.lock.
PYTHON ?= python3
VENV   := .venv
BIN    := $(CURDIR)/$(VENV)/bin
UV     := $(BIN)/uv

# Where it is set (containers do), every process would compile all it imports anew: seconds, each time.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help install demo run test test-githubsim test-autosync test-wheels test-lowest coverage test-clients test-storms chaos chaos-long mutations properties lint format bench clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-13s %s\n", $$1, $$2}'

$(UV):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "AutoSync needs Python 3.11 or newer; set PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'uv>=0.9'

$(VENV)/.installed: pyproject.toml packages/autosync/pyproject.toml packages/githubsim/pyproject.toml uv.lock | $(UV)
	$(UV) sync --quiet --frozen --inexact
	@touch $@

install: $(VENV)/.installed ## set up .venv from the lock file

demo: install ## a GitHub in a box, 20 repositories, and AutoSync mirroring them (DEMO="--repositories 3")
	@exec $(BIN)/autosync demo $(DEMO)

run: install ## AutoSync against your real GitHub App (settings from .env)
	@exec $(BIN)/autosync serve

# Most of a test's time is waiting for processes, so files run side by side, each with a database of its own.
# More than there are cores: they wait for each other little and for clocks much.
PROCESSES ?= 4
PYTEST = $(BIN)/python -m pytest --numprocesses=$(PROCESSES) --dist=loadfile --no-loadscope-reorder

test: test-githubsim test-autosync ## the whole test suite

test-githubsim: install ## the simulator's
	@cd packages/githubsim && $(PYTEST)

test-autosync: install ## the product's
	@cd packages/autosync && $(PYTEST)

# Side by side: each waits a quarter of its time.
test-storms: install ## kills at each named point, and two storms on 6 repositories, then equality (make test has a small one)
	@cd packages/autosync && $(BIN)/python -m pytest --numprocesses=3 --dist=loadgroup tests/storms

test-wheels: install ## both wheels, each where nothing else is installed (needs the package registry)
	@cd packages/autosync && $(BIN)/python -m pytest tests/wheels

# In a clone, of what is committed: other versions than the lock file's would be written to it here.
test-lowest: install ## with the oldest version of each dependency (needs the package registry)
	@clone=$$(mktemp -d) && trap 'rm -rf "$$clone"' EXIT && git clone --quiet --no-local . "$$clone" && cd "$$clone" && \
	$(UV) sync --quiet --python $(BIN)/python --resolution lowest-direct && \
	(cd packages/githubsim && ../../.venv/bin/python -m pytest --numprocesses=$(PROCESSES) --dist=loadfile) && \
	cd packages/autosync && ../../.venv/bin/python -m pytest --numprocesses=$(PROCESSES) --dist=loadfile tests/unit tests/integration

coverage: install ## the same, slower, with the coverage of what runs in the test processes themselves
	@cd packages/autosync && data=$$(mktemp -d) && trap 'rm -rf "$$data"' EXIT && export COVERAGE_FILE=$$data/coverage && \
	$(PYTEST) --cov --cov-report= && \
	echo "Coverage of the test processes: $$($(BIN)/coverage report --format=total) %"

mutations: install ## break each guard of the mirror and see that a test notices
	@cd packages/autosync && $(BIN)/python -m tests.mutations

EXAMPLES ?= 3

properties: install ## the property tests with EXAMPLES times the examples of make test (3)
	@cd packages/autosync && EXAMPLES_TIMES=$(EXAMPLES) $(PYTEST) $$(grep -rl --include='*.py' 'import examples' tests/integration)

SEED ?= 1

chaos: install ## a storm of operations, lost webhooks, outages and kills, then equality (SEED=n)
	@cd packages/autosync && $(BIN)/python -m tests.chaos --seed $(SEED)

SEEDS ?= $(shell seq 1 20)
JOBS ?= 1

chaos-long: install ## 30 repositories, 20,000 operations, ten minutes without GitHub: hours (SEEDS="1 2", JOBS=2, CHAOS=--offline)
	@cd packages/autosync && printf '%s\n' $(SEEDS) | xargs -P $(JOBS) -I{} $(BIN)/python -m tests.chaos --seed {} --repositories 30 --operations 20000 --outage 600 --patience 900 $(CHAOS)

# The first test of each client installs it, which its time must allow for.
test-clients: install ## other people's GitHub clients read githubsim, and what they read is what is mirrored (needs Node and the registries)
	@cd packages/githubsim && $(BIN)/python -m pytest tests/clients --timeout=600
	@cd packages/autosync && $(BIN)/python -m pytest tests/peers

lint: install ## format check, lint, strict types, import contract
	@$(BIN)/uv lock --check --quiet
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: install ## let ruff format and fix
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: install ## the benchmarks; each prints one JSON line (BENCH_SMALL=1: githubsim on a small world)
	@cd packages/autosync && $(BIN)/python -m benchmarks

clean: ## remove the environment, caches and demo data (never .autosync, your mirror)
	rm -rf $(VENV) .demo .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .clients .coverage*
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
