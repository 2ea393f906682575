# make run | test | check | bench | clean. Each sets up what it needs: virtual environment, Qt's system
# libraries, native build. Later calls do only what changed.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
BUILD := build/native
ARGS ?=

.PHONY: run test check bench clean native setup asan

run: setup native
	@$(PY) -m app $(ARGS)

test: setup native
	$(PY) -m pytest -n 2 $(ARGS)

check: setup native
	.ci/check

bench: setup native
	$(PY) -m tests.bench $(ARGS)

setup: $(VENV)/.ready
	@.ci/qt-libraries

$(VENV)/.ready: pyproject.toml .ci/venv
	@.ci/venv "$(PYTHON)" "$(VENV)"
	@touch $@

native: $(VENV)/.ready
	@.ci/native "$(BUILD)" engine

# The native core under AddressSanitizer and UndefinedBehaviorSanitizer, and the tests that exercise it.
asan: setup
	@.ci/asan $(ARGS)

clean:
	rm -rf build $(VENV) engine/_core*.so resources/diagnostics.img .mypy_cache .ruff_cache .pytest_cache
