# Everything a fresh machine needs: Python 3.11 or newer, and Node 20 for Azurite. Each target sets up what it uses.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PYTHON313 := $(shell for p in python3.13 "$$HOME"/.pyenv/versions/3.13*/bin/python "$(PYTHON)"; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 13))' 2>/dev/null && { command -v "$$p"; break; }; done)

.PHONY: help setup demo run check test lint types format schema worker-env azurite axe chromium screenshot simulate bench bench-page bench-throughput bench-hosts bench-burst bench-scale bench-two-hosts bench-pace bench-cold-start bench-cost clean

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
	$(BIN)/python -m local serve

check: $(BIN)/.run ## check your chains.yaml, and with ONLINE=1 what its connections need, with your own login
	$(BIN)/python -m local check $(if $(ONLINE),--online)

azurite: ## install the storage emulator that the tests use
	test -x .tools/node_modules/.bin/azurite || npm install --silent --no-audit --no-fund --prefix .tools azurite@3.35.0

axe: ## install the accessibility rules that the browser tests use
	test -f .tools/node_modules/axe-core/axe.min.js || npm install --silent --no-audit --no-fund --prefix .tools axe-core@4.14.1

CHROMIUM_HERE = for name in "$(CHROMIUM)" chromium chromium-browser google-chrome-stable google-chrome; do \
	command -v "$$name" && exit; done; ls "$$HOME"/.cache/ms-playwright/chromium*
chromium: ## install the browser that the browser tests use, where apt and its rights are at hand
	@if ( $(CHROMIUM_HERE) ) >/dev/null 2>&1; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core; } \
	  >/dev/null 2>&1 || echo "Chromium could not be installed: the browser tests will be left out."; \
	else echo "No Chromium here: the browser tests will be left out. Install one, or name it as CHROMIUM."; fi

screenshot: $(BIN)/.dev chromium ## take docs/images/dashboard.png anew
	$(BIN)/python -m tests.browser.screenshot

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

schema: $(BIN)/.run ## write chains.schema.json and docs/events anew
	$(BIN)/python -m shared.chains_file.schema > chains.schema.json
	$(BIN)/python -m shared.events.schemas docs/events

test: $(BIN)/.dev azurite axe chromium worker-env lint types ## everything: style, types and all tests
	$(BIN)/python -m pytest -n 4 --dist worksteal

SEEDS ?= 1000
FIRST ?= 1
simulate: $(BIN)/.dev ## play SEEDS seeds of bad luck, from FIRST on
	$(BIN)/python -m tests.simulation $(SEEDS) $(FIRST)

bench-hosts: $(BIN)/.dev azurite ## 300 chains on hosts that are killed and frozen: nothing twice, nothing forgotten
	$(BIN)/python -m bench.many_hosts

bench-burst: $(BIN)/.dev azurite ## thousands of starts at once: each accepted whole, or refused whole
	$(BIN)/python -m bench.burst

BENCH_PYTHON := $(shell for p in "$(PYTHON)" python3.11 python3.12 "$$HOME"/.pyenv/versions/3.1[12]*/bin/python; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))' 2>/dev/null && { command -v "$$p"; break; }; done)

.venv-bench/.done: bench/peers/requirements.txt bench/peers/constraints.txt
.venv-bench-fabric/.done: bench/peers/requirements-fabric.txt bench/peers/constraints-fabric.txt
.venv-bench/.done .venv-bench-fabric/.done: requirements.txt
	@test -n "$(BENCH_PYTHON)" || { echo "The peers need Python 3.11 or 3.12: name one as BENCH_PYTHON."; exit 1; }
	test -x $(@D)/bin/python || "$(BENCH_PYTHON)" -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check \
	  -r $(filter bench/peers/req%,$^) -c $(filter bench/peers/con%,$^)
	touch $@

bench: .venv-bench/.done .venv-bench-fabric/.done ## Baton beside Airflow, Dagster and a script; QUICK=1 plays small cases, RESUME=1 goes on
	-$(if $(QUICK),,$(MAKE) bench-throughput)
	.venv-bench/bin/python -m bench.peers $(if $(QUICK),--quick) $(if $(RESUME),--resume)

bench-page: .venv-bench/.done ## docs/benchmarks.md anew, from what `make bench` measured last
	.venv-bench/bin/python -m bench.peers --page

bench-scale: $(BIN)/.dev ## what a run costs when 10 to 10,000 are under way (about 15 minutes)
	$(BIN)/python -m bench.scale

bench-throughput: $(BIN)/.dev azurite ## chains a second on one core, storage operations a chain, latency of a start
	$(BIN)/python -m bench.throughput

bench-two-hosts: $(BIN)/.dev azurite ## whether two hosts do more than one
	$(BIN)/python -m bench.two_hosts

bench-pace: $(BIN)/.dev ## when to look at a job: calls against delay, for some ways to choose
	$(BIN)/python -m bench.pace

bench-cold-start: $(BIN)/.dev worker-env ## from process start to the first run, beside an empty app (about 3 minutes)
	$(BIN)/python -m bench.cold_start

bench-cost: $(BIN)/.dev ## what chains cost: counted work at list prices (about 2 minutes)
	$(BIN)/python -m bench.cost

clean: ## remove what the other targets made
	rm -rf .venv .venv313 .venv-bench .venv-bench-fabric .bench .tools .baton .mypy_cache .ruff_cache .pytest_cache .hypothesis
