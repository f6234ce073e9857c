.DEFAULT_GOAL := help
PYTHON ?= python3
PIP := -m pip install --quiet --disable-pip-version-check --require-hashes

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

setup: .venv/done .venv-emulator/done ## make both virtual environments from the pinned requirements

.venv/done: requirements-dev.txt pyproject.toml
	$(PYTHON) -m venv .venv
	.venv/bin/python $(PIP) -r requirements-dev.txt
	@touch $@

# The emulator of AWS pins botocore, so it lives apart from the bridge.
.venv-emulator/done: requirements-emulator.txt
	$(PYTHON) -m venv .venv-emulator
	.venv-emulator/bin/python $(PIP) -r requirements-emulator.txt
	@touch $@

test: .venv/done ## run the tests
	.venv/bin/python -m pytest

.PHONY: help setup test
