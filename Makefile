.DEFAULT_GOAL := help
PYTHON ?= python3
VENV ?= .venv
RUN := $(VENV)/bin/python
PIP := -m pip install --quiet --disable-pip-version-check --require-hashes

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

setup: $(VENV)/done $(VENV)/bin/bridge .venv-emulator/done ## make the virtual environments from the pinned requirements

$(VENV)/done: requirements-dev.txt
	$(PYTHON) -m venv $(VENV)
	$(RUN) $(PIP) -r requirements-dev.txt
	@touch $@

# Runs the code of this clone; `pip install .` makes a command that needs no clone.
$(VENV)/bin/bridge: $(VENV)/done
	@printf '%s\n' '#!$(abspath $(RUN))' 'import sys' 'sys.path[:0] = ["$(CURDIR)/src", "$(CURDIR)"]' \
	  'from cli.main import main' 'main()' > $@
	@chmod +x $@

# The emulator of AWS pins botocore, so it lives apart from the bridge.
.venv-emulator/done: requirements-emulator.txt
	$(PYTHON) -m venv .venv-emulator
	.venv-emulator/bin/python $(PIP) -r requirements-emulator.txt
	@touch $@

run: setup ## run the whole bridge on this machine: no AWS account, no Docker
	@$(RUN) -m local

test: setup ## run the tests
	$(RUN) -m pytest

slow: setup ## run the campaigns that take minutes
	$(RUN) -m pytest -m slow

lint: $(VENV)/done ## check style, types and templates
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy
	$(RUN) -m bandit --quiet --recursive src
	$(RUN) -m local.translate | $(VENV)/bin/cfn-lint --regions eu-central-1
	$(VENV)/bin/cfn-lint --regions eu-central-1 -- template.yaml
	$(VENV)/bin/shellcheck .ci/run

pins: $(VENV)/done ## renew the pinned requirements
	@for set in bundle:src/requirements.txt dev:requirements-dev.txt emulator:requirements-emulator.txt; do \
	  $(VENV)/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header \
	    --no-annotate --no-emit-index-url --no-emit-find-links --group $${set%%:*} --output-file $${set#*:} \
	    $$(test $${set%%:*} = bundle && echo --constraints requirements-dev.txt); done

.PHONY: help setup run test slow lint pins
