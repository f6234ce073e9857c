.DEFAULT_GOAL := help
PYTHON ?= python3
VENV ?= .venv
RUN := $(VENV)/bin/python
SEED ?= 1
EVENTS ?= 40000

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-11s %s\n", $$1, $$2}'

setup: $(VENV)/dev $(VENV)/bin/bridge .venv-emulator/done ## make the virtual environments from the pinned requirements

# One environment in layers: what the bridge needs to run, what tests it, the driver of a browser.
$(VENV)/dev: $(VENV)/run
$(VENV)/browser: $(VENV)/dev
$(VENV)/run $(VENV)/dev $(VENV)/browser: $(VENV)/%: requirements/%.txt
	@$(PYTHON) -m tools.install $(VENV) $*
	@touch $@

# Tools whose own pins contradict the bridge's live apart: emulator, fuzz, audit, checkov, sam.
.venv-%/done: requirements/%.txt
	@$(PYTHON) -m tools.install $(@D) $*
	@touch $@

# Runs the code of this clone; `pip install .` makes a command that needs no clone.
$(VENV)/bin/bridge: $(VENV)/run
	@printf '%s\n' '#!$(abspath $(RUN))' 'import sys' 'sys.path[:0] = ["$(CURDIR)/src", "$(CURDIR)"]' \
	  'from cli.main import main' 'main()' > $@
	@chmod +x $@

run: $(VENV)/run $(VENV)/bin/bridge .venv-emulator/done ## run the whole bridge on this machine: no AWS account, no Docker; KEEP=1 goes on where the last run ended
	@$(RUN) -m local

test: setup ## run the tests, on up to four cores
	$(RUN) -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile

# Campaigns inside one process each, which measure no time: they run side by side. The others run alone.
BESIDE := tests/mapping/test_faults.py tests/campaign tests/test_canaries.py

slow: setup .venv-fuzz/done .venv-sam/done ## run the campaigns that take minutes
	$(RUN) -m pytest -m slow --numprocesses auto --maxprocesses 4 --dist worksteal $(BESIDE)
	$(RUN) -m pytest -m slow $(addprefix --ignore=,$(BESIDE))

campaign: setup ## run the campaign at any length: make campaign SEED=7 EVENTS=400000
	SEED=$(SEED) EVENTS=$(EVENTS) $(RUN) -m pytest -m slow tests/campaign/test_campaign.py -k under_every_fault

bench: setup ## measure everything against baselines of the same run: bench/results.json, docs/performance.md
	$(RUN) -m bench

# What you would say each time (ENV = prod, ARCHITECTURE = x86_64, VERSIONS = yes) may stand in deploy.mk, which Git ignores.
-include deploy.mk
export ARCHITECTURE VERSIONS

build: $(VENV)/bin/bridge .venv-sam/done ## build what is deployed: with Python 3.13 if it is here, by uv if not
	$(RUN) -m tools.build

deploy: build samconfig.toml ## deploy it to your AWS account: make deploy ENV=prod asks nothing
	.venv-sam/bin/sam deploy --config-env $(or $(ENV),default)

samconfig.toml:
	cp samconfig.example.toml samconfig.toml

package: $(VENV)/bin/bridge ## put it into a bucket, and print a link with which others deploy it: make package BUCKET=name
	$(RUN) -m tools.package --check $(BUCKET)
	$(MAKE) --no-print-directory build
	$(RUN) -m tools.package $(BUCKET)

lint: $(VENV)/dev ## check style, types and templates
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy
	$(RUN) -m bandit --quiet --recursive src
	$(RUN) -m tools.translate | $(VENV)/bin/cfn-lint --regions eu-central-1
	$(VENV)/bin/cfn-lint --regions eu-central-1 -- template.yaml
	$(VENV)/bin/shellcheck .ci/run

contracts: $(VENV)/dev ## write docs/openapi.json, docs/asyncapi.yaml and all JSON Schemas again
	PYTHONPATH=src $(RUN) -m tools.contracts
	PYTHONPATH=src $(RUN) -m tools.mapping_schema

# If no advisories can be reached, that is reported, and nothing fails.
audit: .venv-audit/done ## look the Lambda bundle up in the advisories, where they can be reached
	@mkdir -p build && rm -f build/audit.json
	@.venv-audit/bin/pip-audit --disable-pip --require-hashes --progress-spinner off --format json \
	  --output build/audit.json -r src/requirements.txt 2> build/audit.log; status=$$?; \
	if grep -qs '"vulns"' build/audit.json; then tail -n 1 build/audit.log; test $$status = 0 || cat build/audit.json; \
	  exit $$status; else echo "not audited: no advisories can be reached from here"; fi

sbom: .venv-audit/done ## list what the Lambda bundle holds, as CycloneDX, in build/sbom.json
	@mkdir -p build
	.venv-audit/bin/cyclonedx-py requirements --output-reproducible --of JSON -o build/sbom.json src/requirements.txt

scan: .venv-checkov/done ## check template.yaml with checkov; what it skips says why
	.venv-checkov/bin/checkov --quiet --compact --framework cloudformation --skip-download -f template.yaml \
	  --skip-check $$(sed -n 's/^# *\(CKV_[A-Z0-9_]*\) .*/\1/p' template.yaml | paste -sd, -)

browser: setup $(VENV)/browser ## test the page in a real browser (Chromium must be there)
	BROWSER=required $(RUN) -m pytest -m browser tests/browser

screenshots: setup $(VENV)/browser ## make the README's pictures again
	SCREENSHOTS=docs BROWSER=required $(RUN) -m pytest tests/browser/test_screenshots.py

# Versions agree where environments are one or one runs what another tests: dev decides.
pins: $(VENV)/dev ## renew the pinned requirements
	@for set in dev run browser bundle emulator fuzz audit checkov sam; do \
	  $(VENV)/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header \
	    --no-annotate --no-emit-index-url --no-emit-find-links --group $$set \
	    --output-file $$(test $$set = bundle && echo src/requirements.txt || echo requirements/$$set.txt) \
	    $$(case $$set in run|browser|bundle) echo --constraints requirements/dev.txt;; esac) || exit; done

.PHONY: help setup run test slow build deploy package campaign bench lint contracts audit sbom scan browser screenshots pins
