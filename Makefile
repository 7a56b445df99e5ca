# Everything a person or a machine does with this checkout. `make` alone lists it.
SHELL := /usr/bin/env bash
PYTHON_IN_VENV := .venv/bin/python
CODE := $(wildcard reflector server tests tools benchmarks examples)
TESTS ?= tests
# Each worker starts database servers of its own, so more of them than this would only wait for one another.
WORKERS ?= auto --maxprocesses 4
URL ?=
export PYTHON UPGRADE

.DEFAULT_GOAL := help
.PHONY: help setup servers node run test container check lint types format lock bench clean

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1|\2/p' Makefile | while IFS='|' read -r target text; do printf '%-16s %s\n' "$$target" "$$text"; done

setup: ## make .venv hold exactly what the lock says
	@tools/setup.sh

servers: ## install the database servers that the tests start for themselves
	@tools/servers.sh

run: setup ## serve the bundled sample, or URL=postgresql://…
	@exec .venv/bin/reflector serve $(URL)

node: setup ## install the npm packages that the tests run
	@tools/npm.sh

test: setup servers node ## run every test, or TESTS=path, by WORKERS=2 processes
	@$(PYTHON_IN_VENV) -m pytest -n $(WORKERS) --dist worksteal $(TESTS)

container: ## run the Dockerfile's steps without an engine (as root), or on URL=postgresql://…
	@python3 tools/container.py $(URL)

lint: setup ## ruff's rules and layout
	@$(PYTHON_IN_VENV) -m ruff check .
	@$(PYTHON_IN_VENV) -m ruff format --check .

types: setup ## mypy --strict
	@$(PYTHON_IN_VENV) -m mypy

check: lint types test ## everything that must hold before a change is merged

format: setup ## lay the code out, and mend what ruff can mend
	@$(PYTHON_IN_VENV) -m ruff check --fix .
	@$(PYTHON_IN_VENV) -m ruff format .

lock: ## write the locks from pyproject.toml (UPGRADE=1 for the newest versions)
	@tools/lock.sh

bench: setup ## measure, beside a hand-written baseline
	@tools/servers.sh wrk=wrk
	@$(PYTHON_IN_VENV) -m benchmarks

clean: ## remove everything that was made here
	@rm -rf tests/apis/graphql/audit/node_modules tests/apis/postgrest/clients/node_modules tests/server/identity/node_modules .venv .cache .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist
	@find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +
