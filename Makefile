# Each target does its own set-up: a virtual environment for the interpreter asked for, made once and renewed when the
# dependencies change.
#
#   make test                       the default python3, in .venv
#   make test PYTHON=python3.13     another interpreter, in .venv-python3.13
#   make test ARGS="-k queue -x"    arguments for pytest

PYTHON ?= python3
ARGS ?=

ifeq ($(PYTHON),python3)
VENV := .venv
else
VENV := .venv-$(shell printf '%s' '$(PYTHON)' | tr -cs 'A-Za-z0-9._-' '-' | sed 's/^[-.]*//')
endif

BIN := $(VENV)/bin
READY := $(VENV)/.ready

export PIP_CONSTRAINT = constraints.txt
export PIP_BUILD_CONSTRAINT = constraints.txt
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.DEFAULT_GOAL := help
.PHONY: help demo test check format clean

help: ## show this list
	@awk -F ': ## ' '/^[a-z]+: ## /{printf "  make %-8s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))
	@echo
	@echo "  PYTHON=python3.13 uses another interpreter (3.11 or newer); ARGS=... goes to pytest."

# `help` reads the text after `## `; the line below it says what the target needs.
demo: ## start a cluster and two nodes on this machine and watch them work
demo: $(READY)
	@$(BIN)/argon demo

test: ## run every test
test: $(READY)
	@$(BIN)/python -m pytest $(ARGS)

check: ## lint, formatting and types
check: $(READY)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

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
