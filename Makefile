# One command per task, the same for a newcomer and for CI. Needs Python 3.11+, make and an
# index that pip can reach. Everything is written under this folder.
#
#   PYTHON=...  the interpreter to build the environment with (default: the first that will do)
#   VENV=...    where the environment goes (default: .venv)
#   ARGS=...    more arguments for the command that the target runs

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test test-on test-all check format bench bench-report resampler-report docs fuzz wheel clean FORCE

PYTHONS := 3.11 3.12 3.13 3.14
VENV ?= .venv
ARGS ?=

# New enough, and able to make environments (Debian packages ensurepip apart).
will_do := import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))
ifndef PYTHON
PYTHON := $(shell for python in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	if $$python -c '$(will_do)' >/dev/null 2>&1; then echo $$python; break; fi; done)
endif

python := $(VENV)/bin/python
pip_install := $(python) -m pip install --quiet --disable-pip-version-check --no-input

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' Makefile

# --- The environment ---

# Changes, and so rebuilds what depends on it, only with the interpreter or the folder.
$(VENV)/.made-with: FORCE
	@if [ -z "$(PYTHON)" ] || ! $(PYTHON) -c '$(will_do)' >/dev/null 2>&1; then \
		echo "make: needs Python 3.11 or newer with the venv module; found none$(if $(PYTHON), at PYTHON=$(PYTHON)). Say which: make PYTHON=/path/to/python3" >&2; \
		exit 1; \
	fi; \
	wanted="$$($(PYTHON) -c 'import os, sys; print(sys.base_prefix, sys.version.split()[0], os.path.abspath("$(VENV)"))')"; \
	if [ "$$(cat $@ 2>/dev/null)" != "$$wanted" ] || ! $(python) -c '' 2>/dev/null; then \
		echo "making $(VENV) with $$($(PYTHON) --version)"; \
		rm -rf "$(VENV)" && $(PYTHON) -m venv "$(VENV)" && echo "$$wanted" > $@; \
	fi

# One stamp for each set of extras that is installed.
$(VENV)/.has-%: pyproject.toml $(VENV)/.made-with
	@echo "installing this package with its extra '$*' into $(VENV)"
	@$(pip_install) --editable '.[$*]'
	@touch $@

# --- Tasks ---

demo: $(VENV)/.has-testing ## a phone call through the library (ARGS="--fast --format g711_ulaw")
	@$(python) -m realtime demo $(ARGS)

test: $(VENV)/.has-dev ## the tests, warnings as errors, on the Python at hand
	$(python) -m pytest $(ARGS)

test-on: $(VENV)/.has-dev-test
	$(python) -m pytest $(ARGS)

# Looked for on PATH, and among pyenv's versions: beside its shims on PATH, at PYENV_ROOT, at home.
test-all: ## the tests, on every Python of 3.11-3.14 that is here
	@shims="$$(printf '%s' "$$PATH" | tr : '\n' | sed -n 's,/shims/*$$,,p')"; \
	passed= failed= missing=; \
	for version in $(PYTHONS); do \
		found=; \
		for root in "" $$shims "$$PYENV_ROOT" "$$HOME/.pyenv"; do \
			if [ -z "$$root" ]; then set -- python$$version; else set -- "$$root"/versions/$$version.*/bin/python$$version; fi; \
			for candidate in "$$@"; do \
				if [ "$$("$$candidate" -c 'import ensurepip, sys, venv; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)" = $$version ]; \
				then found=$$candidate; break 2; fi; \
			done; \
		done; \
		if [ -z "$$found" ]; then echo "--- Python $$version: not found"; missing="$$missing $$version"; continue; fi; \
		echo "--- Python $$version: $$found"; \
		if $(MAKE) --no-print-directory test-on PYTHON="$$found" VENV=.venv-$$version; \
		then passed="$$passed $$version"; else failed="$$failed $$version"; fi; \
	done; \
	echo "--- passed:$${passed:- none}; failed:$${failed:- none}; not found:$${missing:- none}"; \
	[ -n "$$passed" ] && [ -z "$$failed" ]

# All four, whatever the first ones find.
check: $(VENV)/.has-dev ## lint, format, types (twice)
	@failed=; \
	for step in "ruff check" "ruff format --check" "mypy" "basedpyright --project pyproject.toml --pythonpath $(python)"; do \
		echo "--- $$step"; $(VENV)/bin/$$step || failed="$$failed $${step%% *}"; \
	done; \
	[ -z "$$failed" ] || { echo "--- failed:$$failed"; exit 1; }

format: $(VENV)/.has-dev ## write the code as `make check` wants it
	$(VENV)/bin/ruff check --fix
	$(VENV)/bin/ruff format

# Results, asv's environments and its notes about the machine are all kept under .asv.
bench: $(VENV)/.has-dev ## measure, beside the peers (ARGS=--quick: only see that all of it runs)
	@$(python) -m benchmarks.report run $(ARGS)

bench-report: $(VENV)/.has-dev ## the same, and write docs/benchmarks.md with its plots (ARGS=write: from the last results)
	@$(python) -m benchmarks.document run $(ARGS)

resampler-report: $(VENV)/.has-dev ## measure the resampler and write docs/resampler.md with its plots
	$(python) -m tools.resampler_report

# Every warning is an error. The variable silences a notice of the theme's about other programs.
docs: $(VENV)/.has-docs ## the site, into site/ (to search it: python -m http.server -d site)
	@NO_MKDOCS_2_WARNING=true $(python) -m mkdocs build --strict --clean $(ARGS)

fuzz: $(VENV)/.has-dev ## ten minutes and more of mutated frames (make test has a few hundred)
	$(python) -m pytest tests/test_hostile.py -k mutated --hypothesis-profile=fuzz -p no:cacheprovider -o faulthandler_timeout=0

wheel: $(VENV)/.has-dev ## the wheel and the sdist, into dist/
	$(python) -m build --outdir dist

clean: ## remove what these commands made
	rm -rf .venv .venv-* .asv dist build site demo-out htmlcov .coverage* .pytest_cache .mypy_cache \
		.ruff_cache .hypothesis *.egg-info
	find realtime tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

FORCE:
