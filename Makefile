# Everything a fresh machine needs: Python 3.11 or newer, and Node 20 for Azurite. Each target sets up what it uses.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PYTHON313 := $(shell for p in python3.13 "$$HOME"/.pyenv/versions/3.13*/bin/python "$(PYTHON)"; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 13))' 2>/dev/null && { command -v "$$p"; break; }; done)

.PHONY: help setup demo run check test lint types format schema worker-env azurite simulate bench-hosts bench-burst bench bench-scale bench-throughput bench-two-hosts clean

help: ## show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(BIN)/.run: requirements.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Baton needs Python 3.11 or newer")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $@

$(BIN)/.dev: requirements-dev.txt $(BIN)/.run
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	touch $@

setup: $(BIN)/.dev ## make the virtual environment with everything for development

demo: $(BIN)/.run ## the main job on this machine, against a simulated Azure
	$(BIN)/python -m local demo

run: $(BIN)/.run ## host your chains.yaml here, against real Azure, with your own login
	$(BIN)/python -m local run

check: $(BIN)/.run ## check your chains.yaml, and with ONLINE=1 what its connections need, with your own login
	$(BIN)/python -m local check $(if $(ONLINE),--online)

azurite: ## install the storage emulator that the tests use
	test -x .tools/node_modules/.bin/azurite || npm install --silent --no-audit --no-fund --prefix .tools azurite@3.35.0

worker-env: ## a second environment with Azure's own worker library, where a Python 3.13 is at hand
	@if [ -z "$(PYTHON313)" ]; then echo "No Python 3.13 here: the tests under Azure's worker library are left out."; \
	elif [ ! -f .venv313/.done ] || [ requirements-dev.txt -nt .venv313/.done ]; then \
	  "$(PYTHON313)" -m venv .venv313 && \
	  .venv313/bin/python -m pip install --quiet --disable-pip-version-check -r requirements.txt \
	    "$$(grep -o '^azure-functions-runtime==[0-9.]*' requirements-dev.txt)" && touch .venv313/.done; fi

lint: $(BIN)/.dev ## style, with ruff
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(BIN)/.dev ## types, with mypy --strict
	$(BIN)/mypy

format: $(BIN)/.dev ## put the code in shape
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

schema: $(BIN)/.run ## write chains.schema.json anew
	$(BIN)/python -m shared.chains_file.schema > chains.schema.json

test: $(BIN)/.dev azurite worker-env lint types ## everything: style, types and all tests
	$(BIN)/python -m pytest -n 4 --dist worksteal

SEEDS ?= 1000
FIRST ?= 1
simulate: $(BIN)/.dev ## play SEEDS seeds of bad luck, from FIRST on
	$(BIN)/python -m tests.simulation $(SEEDS) $(FIRST)

bench-hosts: $(BIN)/.dev azurite ## 300 chains on hosts that are killed and frozen: nothing twice, nothing forgotten
	$(BIN)/python -m bench.many_hosts

bench-burst: $(BIN)/.dev azurite ## thousands of starts at once: each accepted whole, or refused whole
	$(BIN)/python -m bench.burst

BENCH_PYTHON := $(shell for p in python3.12 python3.11 "$$HOME"/.pyenv/versions/3.1[12]*/bin/python "$(PYTHON)"; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))' 2>/dev/null && { command -v "$$p"; break; }; done)

.venv-bench/.done: bench/peers/requirements.txt
.venv-bench-fabric/.done: bench/peers/requirements-fabric.txt
.venv-bench/.done .venv-bench-fabric/.done:
	@test -n "$(BENCH_PYTHON)" || { echo "The peers need Python 3.11 or 3.12: BENCH_PYTHON=..."; exit 1; }
	test -x $(@D)/bin/python || "$(BENCH_PYTHON)" -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	touch $@

bench: .venv-bench/.done .venv-bench-fabric/.done ## Baton beside Airflow, Dagster and a script; QUICK=1 plays small cases, RESUME=1 goes on
	$(if $(QUICK),,$(MAKE) bench-throughput)
	.venv-bench/bin/python -m bench.peers $(if $(QUICK),--quick) $(if $(RESUME),--resume)

bench-scale: $(BIN)/.dev ## what a run costs when 10 to 10,000 are under way (about 15 minutes)
	$(BIN)/python -m bench.scale

bench-throughput: $(BIN)/.dev azurite ## chains a second on one core, storage operations a chain, latency of a start
	$(BIN)/python -m bench.throughput

bench-two-hosts: $(BIN)/.dev azurite ## whether two hosts do more than one
	$(BIN)/python -m bench.two_hosts

clean: ## remove what the other targets made
	rm -rf .venv .venv313 .venv-bench .venv-bench-fabric .bench .tools .baton .mypy_cache .ruff_cache .pytest_cache .hypothesis
