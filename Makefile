# One short command for each job; each installs what it needs into .venv first.
PYTHON ?= python3
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
# Compiled modules are kept, wherever the shell says otherwise: without them each synthesis takes twice as long.
unexport PYTHONDONTWRITEBYTECODE
# As those of Node: the CDK is a fifth of a synthesis's time else.
export NODE_COMPILE_CACHE := $(CURDIR)/.venv/node
export PIP_DISABLE_PIP_VERSION_CHECK := 1
SHELL_SCRIPTS := .ci/run $(wildcard ec2_userdata/*.sh tests/host/*.sh tests/host/bin/*)

.PHONY: help docs pictures install local test unit-test hardening-test local-test package-test senders-test host-test soak mutants aws-test iam-test fuzz bench load lint format lock dist clean

help:  ## Show these commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 22

install: .venv/installed  ## Set up .venv: the library, the nami command, node, the CDK CLI and the tools

.venv/installed: requirements.txt package.json package-lock.json pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "error: nami needs Python 3.11 or newer and this is %d.%d; name another as make PYTHON=python3.13" % sys.version_info[:2])'
	@echo "Installing into .venv (once; about a minute)" >&2
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@awk '/^uv==/ { on = 1 } on && /^    #/ { exit } on' requirements.txt > .venv/uv.txt
	@$(BIN)/python -m pip install --quiet --require-hashes --requirement .venv/uv.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes --requirement requirements.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@mkdir -p .venv/cdk && cp package.json package-lock.json .venv/cdk
	@$(BIN)/npm ci --silent --no-fund --no-audit --prefix .venv/cdk
	@ln -sf ../cdk/node_modules/.bin/cdk $(BIN)/cdk
	@touch $@

local: install  ## Run the pipeline on this machine and send it a webhook; Ctrl-C ends it
	@echo 'In another terminal, for nami: export PATH="$(CURDIR)/$(BIN):$$PATH"' >&2
	@nami local up shopify --sample

# A file to each process; a local AWS of its own to each that runs local tests.
PYTEST := pytest -n 3 --dist loadfile --no-loadscope-reorder --durations=20

# At once: the local tests mostly wait. The others are not spread over more: each process would load the CDK, and hand over
# thousands of results.
test: install  ## Run the unit, the local and the hardening tests
	@$(MAKE) --no-print-directory --jobs=3 --output-sync local-test unit-test hardening-test

package-test: install  ## Test the wheel in a clean environment, and the functions' assets
	@$(PYTEST) tests/package

senders-test: install  ## Have the providers' own libraries verify what nami signs, and sign for it
	@$(PYTEST) tests/senders

unit-test: install  ## Run the unit tests: no network
	@pytest --quiet --durations=20 tests/unit

hardening-test: install  ## Look at each example and setting with cdk-nag, cfn-lint and an attacker's eyes
	@pytest --quiet --durations=20 tests/hardening

# It gives way to the others, which are a process each, so that at the end both cores are busy.
local-test: install  ## Run the local tests: real deployments into an AWS on this machine
	@nice -n 5 $(PYTEST) tests/local

docs: install  ## Write the parts of the docs that say what the code says, and build the site (website/html)
	@NAMI_WRITE_DOCS=1 $(PYTEST) -q -m docs tests/unit
	@python -m website $(call given,INTO,into) $(call given,VERSION,version)

pictures: install  ## Take the pictures of docs/console.md anew, by the tests that drive it in a real browser
	@NAMI_PICTURES=1 pytest -q tests/local/test_console.py

host-test: install  ## Run the MongoDB host's test on a real Docker engine (root)
	@pytest tests/host -m host

iam-test: install  ## Take each right away from a deployment that enforces IAM, and see what breaks (a minute)
	@pytest tests/iam

soak: install  ## Send 100,000 webhooks while everything breaks, AWS too: none is lost (ARGS="--count 3000": 2 minutes)
	@python -m proofs.faults $(ARGS)

mutants: install  ## Plant defects in copies of the code, and see that the soak finds each (half an hour)
	@python -m proofs.faults.mutants $(ARGS)

aws-test: install  ## Try on your AWS account what only AWS can prove, and remove it all (asks; YES=1, CLEAN=1)
	@python -m proofs.aws $(call wanted,YES,yes) $(call wanted,CLEAN,clean) $(call given,OUT,out)

fuzz: install  ## Change real requests by chance until something does not hold (MINUTES=10, SEED=, TARGET=, CASE=)
	@uv pip install --quiet --python $(BIN)/python --require-hashes --requirement tests/fuzz/requirements.txt
	@python -m tests.fuzz $(call given,MINUTES,minutes) $(call given,SEED,seed) $(call given,CASE,case) \
	  $(if $(filter command,$(origin TARGET)),$(TARGET))

bench: install  ## Measure all of it beside others' ways, in turns (ARGS="--out docs/speed.md"; docs/speed.md)
	@python -m benchmarks $(ARGS)

# What is typed as make load KEY=value; the environment has variables of these names for other reasons.
given = $(if $(filter command,$(origin $1)),--$2 '$($1)')
wanted = $(if $(filter command,$(origin $1)),$(if $(filter-out 0 no,$($1)),--$2))

load: install  ## Send bursts and draw what becomes of them: here, or to URL= or NAME= (docs/load.md)
	@python -m proofs.load $(call given,NAME,name) $(call given,URL,url) $(call given,SIGNATURE,signature) \
	  $(call given,SHAPE,shape) $(call given,RATE,rate) $(call given,PEAK,peak) $(call given,SECONDS,seconds) \
	  $(call given,MOST,most) $(call given,OUT,out) $(call wanted,YES,yes) $(call wanted,WEB,web) $(call wanted,JSON,json)

lint: install  ## Check style, types and shell scripts
	@ruff check .
	@ruff format --check .
	@mypy
	@shellcheck $(SHELL_SCRIPTS)

format: install  ## Format the code
	@ruff check --fix-only .
	@ruff format .

lock: install  ## Pin every dependency anew
	@uv pip compile --quiet --universal --python-version 3.11 --all-extras --generate-hashes --upgrade \
	  --custom-compile-command "make lock" --output-file requirements.txt pyproject.toml
	@for file in $(basename $(wildcard lambdas/*/requirements*.in)); do \
	  uv pip compile --quiet --universal --python-version 3.13 --generate-hashes --upgrade --constraints requirements.txt \
	    --custom-compile-command "make lock" --output-file $$file.txt $$file.in || exit 1; done
	@for file in tests/senders/requirements tests/fuzz/requirements benchmarks/functions/powertools benchmarks/functions/runtime; do \
	  uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --upgrade \
	    --custom-compile-command "make lock" --output-file $$file.txt $$file.in || exit 1; done
	@for folder in . $(dir $(wildcard benchmarks/functions/*/package.json)); do \
	  npm install --prefix $$folder --silent --package-lock-only --omit-lockfile-registry-resolved --no-fund --no-audit || exit 1; done

# SBOM: what a whole installation of the wheel would have, by the versions of the lock.
dist: install  ## Build what a release holds: wheel, source, SBOM and notes (VERSION= must be the project's)
	@rm -rf dist
	@uv build --quiet --out-dir dist
	@test -z '$(VERSION)' || test -f dist/nami_webhooks-$(VERSION)-py3-none-any.whl || { echo "error: pyproject.toml has another version than $(VERSION)" >&2; exit 1; }
	@awk '/^## / { on = ($$2 == "$(or $(VERSION),Unreleased)") ; next } on' CHANGELOG.md > dist/notes.md
	@test -s dist/notes.md || { echo "error: CHANGELOG.md has no section $(VERSION)" >&2; exit 1; }
	@uv venv --quiet .venv/dist --clear
	@uv pip install --quiet --python .venv/dist/bin/python --constraints requirements.txt "nami-webhooks[local] @ file://$(CURDIR)/$$(ls dist/*.whl)"
	@uvx --quiet --from cyclonedx-bom==7.5.0 cyclonedx-py environment .venv/dist --pyproject pyproject.toml --output-reproducible --output-file dist/sbom.cdx.json

clean:  ## Remove what the commands made
	@rm -rf .venv .nami cdk.out dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .fuzz
