# One command per task, for developers and for CI. Needs Python 3.11+, make and a package index
# that pip can reach. Writes only below this folder.
#
#   PYTHON=...  interpreter for the environment (default: the first suitable one on PATH)
#   VENV=...    folder of the environment (default: .venv)
#   ARGS=...    additional arguments for the command that the target runs
#   SKIP=...    a version of Python that test-all leaves out
#   TAG=...     the tag, such as v0.1.0, that `release` builds

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test test-slow test-on test-all test-lowest test-lowest-on test-sdist test-frameworks check format api bench bench-report \
	resampler-report docs fuzz mutation wheel release clean FORCE

PYTHONS := 3.11 3.12 3.13 3.14
VENV ?= .venv
ARGS ?=

# Suitable: at least 3.11, with venv and ensurepip (Debian packages the latter separately).
is_suitable := import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))
ifndef PYTHON
PYTHON := $(shell for python in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	if $$python -c '$(is_suitable)' >/dev/null 2>&1; then echo $$python; break; fi; done)
endif

# Windows sets OS, and keeps the programs of an environment in another folder.
bin := $(if $(filter Windows_NT,$(OS)),Scripts,bin)
python := $(VENV)/$(bin)/python
pip_install := $(python) -m pip install --quiet --disable-pip-version-check --no-input

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' Makefile

# --- The environment ---

# This file changes, and the environment is rebuilt, only if the interpreter or the folder changes.
$(VENV)/.made-with: FORCE
	@if [ -z "$(PYTHON)" ] || ! $(PYTHON) -c '$(is_suitable)' >/dev/null 2>&1; then \
		echo "make: needs Python 3.11 or newer with the venv module; found none$(if $(PYTHON), at PYTHON=$(PYTHON)). Name one: make PYTHON=/path/to/python3" >&2; \
		exit 1; \
	fi; \
	wanted="$$($(PYTHON) -c 'import os, sys; print(sys.base_prefix, sys.version.split()[0], os.path.abspath("$(VENV)"))')"; \
	if [ "$$(cat $@ 2>/dev/null)" != "$$wanted" ] || ! $(python) -c '' 2>/dev/null; then \
		echo "making $(VENV) with $$($(PYTHON) --version)"; \
		rm -rf "$(VENV)" && $(PYTHON) -m venv "$(VENV)" && echo "$$wanted" > $@; \
	fi

# One stamp per installed extra.
$(VENV)/.has-%: pyproject.toml $(VENV)/.made-with
	@echo "installing this package with the extra '$*' into $(VENV); this can take a minute"
	@$(pip_install) --editable '.[$*]'
	@touch $@

# --- Tasks ---

demo: $(VENV)/.has-testing ## run a phone call through the library (ARGS="--fast --format g711_ulaw")
	@$(python) -m realtime demo $(ARGS)

# Tests start hundreds of processes, which take half of the time if compiled modules may be stored.
unexport PYTHONDONTWRITEBYTECODE
in_parallel := -n auto --dist worksteal
quick := $(in_parallel) -m 'not slow'

test: $(VENV)/.has-dev ## run all tests but the slow ones on all cores (ARGS="-x tests/test_codec.py": these, in one process)
	$(python) -m pytest $(or $(ARGS),$(quick))

# Those of Hypothesis run in both, here with eight times as many examples. A test that is marked `alone` needs a core.
test-slow: $(VENV)/.has-dev ## run the slow tests on all cores, and Hypothesis with more examples (ARGS="-x tests/state": these, in one process)
	$(python) -m pytest -m '(slow or hypothesis)$(if $(ARGS),, and not alone)' --hypothesis-profile=thorough $(or $(ARGS),$(in_parallel))
	$(if $(ARGS),,$(python) -m pytest -m alone)

test-on: $(VENV)/.has-dev-test
	$(python) -m pytest $(or $(ARGS),$(quick))

# Interpreters are searched on PATH and among pyenv's versions (next to its shims, in PYENV_ROOT, in ~/.pyenv).
test-all: ## `make test` on every installed Python from 3.11 to 3.14 (SKIP=3.11: but this one)
	@shims="$$(printf '%s' "$$PATH" | tr : '\n' | sed -n 's,/shims/*$$,,p')"; \
	passed= failed= missing=; \
	for version in $(filter-out $(SKIP),$(PYTHONS)); do \
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
	[ -n "$$passed$(SKIP)" ] && [ -z "$$failed" ]

# The frameworks have environments of their own below .venv-frameworks: pip's and npm's. Where they cannot be
# installed, their tests are skipped and a line says which.
frameworks := .venv-frameworks

test-frameworks: ## drive frameworks' clients against the loopback server (ARGS="-k pipecat": these, in one process)
	@$(MAKE) --no-print-directory $(frameworks)/.has-python || \
		{ echo "SKIPPED: pip could not install tests/frameworks/requirements.txt; see above"; exit 0; }; \
	[ -e $(frameworks)/.has-python ] || exit 0; \
	$(MAKE) --no-print-directory $(frameworks)/.has-node || \
		echo "no packages of npm: the tests of JavaScript clients are skipped"; \
	$(frameworks)/python/$(bin)/python -m pytest -c tests/frameworks/pytest.ini --rootdir . --confcutdir tests/frameworks \
		$(or $(ARGS),-n 4 --dist worksteal) tests/frameworks

$(frameworks)/.has-python: tests/frameworks/requirements.txt pyproject.toml $(VENV)/.made-with
	@echo "installing the frameworks of tests/frameworks/requirements.txt; this can take minutes"
	@rm -rf $(frameworks)/python && mkdir -p $(frameworks) && $(python) -m venv $(frameworks)/python
	@$(frameworks)/python/$(bin)/python -m pip install --quiet --disable-pip-version-check --no-input \
		--editable '.[testing]' --requirement tests/frameworks/requirements.txt
	@touch $@

$(frameworks)/.has-node: tests/frameworks/package.json
	@node --version >/dev/null 2>&1 || { echo "no Node.js"; exit 1; }
	@rm -rf $(frameworks)/node && mkdir -p $(frameworks)/node && cp tests/frameworks/package.json $(frameworks)/node
	@cd $(frameworks)/node && npm install --silent --no-audit --no-fund
	@touch $@

# The lower bounds of pyproject.toml, in an environment of their own. A Python that is newer than these versions would
# have to compile them.
test-lowest: ## `make test` with the lowest versions of all dependencies (PYTHON=python3.11)
	@$(MAKE) --no-print-directory VENV=.venv-lowest test-lowest-on

test-lowest-on: $(VENV)/.has-dev-test
	$(pip_install) $$($(python) -m tools.lowest)
	$(python) -m pytest $(or $(ARGS),$(quick))

test-sdist: $(VENV)/.has-dev ## build the sdist, and run `make test` in it
	$(python) -m tools.release dist
	@rm -rf build/sdist && mkdir -p build/sdist && tar -xzf dist/*.tar.gz -C build/sdist --strip-components 1
	@cd build/sdist && $(MAKE) --no-print-directory test PYTHON="$(abspath $(python))"

check: $(VENV)/.has-dev ## lint, check the format, the workflows, and types with mypy and basedpyright
	@$(python) -m tools.check

format: $(VENV)/.has-dev ## fix and format the code
	$(python) -m ruff check --fix
	$(python) -m ruff format

api: $(VENV)/.has-dev ## write tests/public_api.txt, the public names and signatures
	$(python) -m tools.public_api

# asv's results, environments and machine description are stored under .asv.
bench: $(VENV)/.has-dev ## run the benchmarks with the peers (ARGS=--quick: run each once, without results)
	@$(python) -m benchmarks.report run $(ARGS)

bench-report: $(VENV)/.has-dev ## the same, and write docs/benchmarks.md (ARGS=write: from the last results)
	@$(python) -m benchmarks.document run $(ARGS)

resampler-report: $(VENV)/.has-dev ## measure the resampler and write docs/resampler.md
	$(python) -m tools.resampler_report

# Warnings are errors. The variable silences a notice of the theme about other programs.
docs: $(VENV)/.has-docs ## build the documentation into site/ (view: python -m http.server -d site)
	@NO_MKDOCS_2_WARNING=true $(python) -m mkdocs build --strict --clean $(ARGS)

fuzz: $(VENV)/.has-dev ## decode mutated frames for ten minutes or more
	$(python) -m pytest tests/test_hostile.py -k mutated --hypothesis-profile=fuzz -p no:cacheprovider -o faulthandler_timeout=0

# Results are stored under .mutation: a run that was stopped continues, and runs survivors again.
mutation: $(VENV)/.has-mutation ## run the mutation tests, hours on two cores (ARGS="realtime/codec.py --jobs 2")
	@$(python) -m tools.mutation $(ARGS)

wheel: $(VENV)/.has-dev ## build the wheel and the sdist into dist/
	$(python) -m build --outdir dist

# What a release publishes: built twice, from the checkout and from the sdist.
release: $(VENV)/.has-dev ## the same for the release TAG=v0.1.0, if version, changelog and a second build agree
	$(python) -m tools.release dist $(TAG)

clean: ## remove everything that these commands created
	rm -rf .venv .venv-* .asv dist build site demo-out htmlcov .coverage* .pytest_cache .mypy_cache \
		.ruff_cache .hypothesis .mutation *.egg-info
	find realtime tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

FORCE:
