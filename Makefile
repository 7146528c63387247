# Each target does all its own set-up into .venv/; the second call finds it done.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help demo test check lint bench requirements clean

BIN := .venv/bin
MACHINES ?= 1000
PYTEST := $(BIN)/python -m pytest -n 2 --dist loadfile
# Suites that need a browser or many minutes; `make check` runs them too.
SLOW := tests/integration tests/browser

help: ## Show the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' Makefile

demo: ## Run one month of a fictitious city on a simulated cloud; leaves build/demo/home and build/demo/reports
	@scripts/set-up base
	@$(BIN)/cloudctl --home build/demo/home demo --reports build/demo/reports

test: ## Run the default tests, a few minutes
	@scripts/set-up dev
	$(PYTEST) $(addprefix --ignore=,$(SLOW))

check: lint ## Everything that must hold before a change is taken: lint, types, floors, all tests
	$(PYTEST)

lint: ## ruff, mypy --strict, and the floors of the architecture
	@scripts/set-up dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

bench: ## Time questions, imports, reviews and settlements on MACHINES (1000) for 30 days at 5 minutes, in build/bench/
	@scripts/set-up dev
	@scripts/bench $(MACHINES)

requirements: ## Pin anew, with hashes and without addresses; needs uv
	cd $(CURDIR) && for kind in base dev libvirt; do \
	  group=$$(case $$kind in dev) echo --group dev;; libvirt) echo --extra libvirt;; esac); \
	  uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	    --custom-compile-command "make requirements" pyproject.toml requirements/build.in $$group \
	    --output-file requirements/$$kind.txt; \
	done

clean: ## Remove what was built and the caches, .venv/ too
	rm -rf .venv build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
