# Nothing but Python 3.11, git and make is needed: uv comes from pip into .venv, everything else from uv.lock.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
UV     := $(BIN)/uv

.DEFAULT_GOAL := help
.PHONY: help install demo run test test-clients chaos chaos-long mutations lint format bench clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-13s %s\n", $$1, $$2}'

$(UV):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "AutoSync needs Python 3.11 or newer; set PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'uv>=0.9'

$(VENV)/.installed: pyproject.toml uv.lock | $(UV)
	$(UV) sync --quiet --frozen --inexact
	@touch $@

install: $(VENV)/.installed ## set up .venv from the lock file

demo: install ## a GitHub in a box, 20 repositories, and AutoSync mirroring them
	@exec $(BIN)/autosync demo

run: install ## AutoSync against your real GitHub App (settings from .env)
	@exec $(BIN)/autosync serve

test: install ## the whole test suite, with the coverage of what runs in the test process itself
	@data=$$(mktemp -d) && trap 'rm -rf "$$data"' EXIT && export COVERAGE_FILE=$$data/coverage && \
	$(BIN)/coverage run -m pytest && $(BIN)/coverage combine --quiet && \
	echo "Coverage of the test process: $$($(BIN)/coverage report --format=total) %"

mutations: install ## break each guard of the mirror and see that a test notices
	@$(BIN)/python -m tests.mutations

SEED ?= 1

chaos: install ## a storm of operations, lost webhooks, outages and kills, then equality (SEED=n)
	@$(BIN)/python -m tests.chaos --seed $(SEED)

chaos-long: install ## twenty seeds, 30 repositories and 20,000 operations each; takes hours
	@for seed in $$(seq 1 20); do $(BIN)/python -m tests.chaos --seed $$seed --repositories 30 --operations 20000 --outage 600 --patience 900 || exit 1; done

# The first test of each client installs it, which its time must allow for.
test-clients: install ## other people's GitHub clients read githubsim (needs Node and the registries)
	@$(BIN)/python -m pytest tests/clients --timeout=600

lint: install ## format check, lint, strict types, import contract
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: install ## let ruff format and fix
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: install ## the benchmarks; each prints one JSON line (BENCH_SMALL=1: githubsim on a small world)
	@$(BIN)/python -m benchmarks

clean: ## remove the environment, caches and demo data (never .autosync, your mirror)
	rm -rf $(VENV) .demo .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .clients .coverage*
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
