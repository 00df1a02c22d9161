# Everything a maintainer does, by name. `make` or `make help` lists it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help install demo test check lint types imports protos protos-check breaking dockerfile lock clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(STAMP) ## Make .venv with everything, from the lock file

$(STAMP): requirements-dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "entraid needs Python 3.11 or newer; name one with: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: $(STAMP) ## Start the emulator and the service, and walk through connect, sync, list, evaluate
	@$(BIN)/entraid demo

# Three processes: on two processors that takes a fifth less time than two, as many tests wait for something.
test: $(STAMP) ## Run the tests
	@$(BIN)/pytest -n 3 --dist loadfile

test-slow: $(STAMP) ## The tests that the default run leaves out
	@$(BIN)/pytest -m slow -o timeout=3600

fuzz: $(STAMP) ## Random changes, conditions and filters against their oracles, many more than in `test`
	@FUZZ_SEEDS=5000 $(BIN)/pytest -n 2 tests/sync/test_random_changes.py
	@FUZZ_FACTOR=10 $(BIN)/pytest -n 2 tests/evaluate/test_against_oracle.py tests/rpc/test_search_against_evaluate.py tests/store/test_filters.py

crash: $(STAMP) ## kill -9 at 200 random points of syncs, of `entraid serve`, and of the store's own steps and migrations
	@CRASH_KILLS=200 $(BIN)/pytest tests/sync/test_crash.py tests/sync/test_crash_of_service.py
	@$(BIN)/pytest -m slow tests/store/test_crash.py

soak: $(STAMP) ## Half an hour of calls, many broken off, and of syncs: memory, descriptors and the write-ahead log stay flat
	@SOAK_MINUTES=30 $(BIN)/pytest -m slow -s tests/workers/test_soak.py

bench: bench-evaluate bench-sync ## Both benchmarks

bench-evaluate: $(STAMP) ## What a decision costs beside the RPC that carries it
	@cd tests && ../$(BIN)/python -m bench.evaluate --write

bench-cerbos: $(STAMP) ## Decisions beside those of Cerbos, which it installs into build/bench/cerbos (needs npm)
	@mkdir -p build/bench/cerbos && cp tests/bench/cerbos/package.json tests/bench/cerbos/package-lock.json build/bench/cerbos/
	@npm ci --prefix build/bench/cerbos --ignore-scripts --no-audit --no-fund
	@cd tests && ../$(BIN)/python -m bench.cerbos.measure --write

bench-sync: $(STAMP) ## What a sync costs beside the bare reading and writing
	@cd tests && ../$(BIN)/python -m bench.sync --users 300000 --groups 50000 --write

browser: ## Install what the browser tests load, into build/browser (needs npm; the tests need Chromium as well)
	@mkdir -p build/browser && cp tests/browser/package.json tests/browser/package-lock.json build/browser/
	@npm ci --prefix build/browser --ignore-scripts --no-audit --no-fund

check: lint types imports protos-check dockerfile ## Everything that reads the code and runs none of it

lint: $(STAMP) ## ruff: rules and format
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check

types: $(STAMP) ## mypy, strict
	@$(BIN)/mypy

imports: $(STAMP) ## import-linter: which room may know which
	@$(BIN)/lint-imports

protos: $(STAMP) ## Regenerate clients/entraid/v1 from protos
	@$(BIN)/python clients/generate_stubs.py

protos-check: $(STAMP) ## buf lint, and generated code against protos
	@$(BIN)/python clients/lint_protos.py
	@$(BIN)/python clients/generate_stubs.py --check

breaking: $(STAMP) ## What the contract changed against main that breaks callers
	@$(BIN)/python clients/lint_protos.py --against main

dockerfile: $(STAMP) ## hadolint
	@$(BIN)/hadolint Dockerfile

COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header

lock: $(STAMP) ## Resolve pyproject.toml anew into the lock files
	@$(COMPILE) --extra service --extra test --extra build --extra dev pyproject.toml -o requirements-dev.lock
	@$(COMPILE) --extra service -c requirements-dev.lock pyproject.toml -o requirements.lock
	@echo hatchling | $(COMPILE) -c requirements-dev.lock - -o requirements-build.lock

clean: ## Remove what the other targets made
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis build dist
