# The manual: `make` or `make help`. Every other target first makes .venv if needed; nothing is installed on the machine.
# Needs Python 3.11 or newer (any `python3`) and make; on Debian and Ubuntu not even pip.

PYTHON := .venv/bin/python
LOCAL := $(PYTHON) -m local_stack
LOCK := .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --custom-compile-command "make lock"

.DEFAULT_GOAL := help
.PHONY: help bootstrap demo up down status servers test lint types security sbom tests e2e soak chaos chaos-check upgrade-check bench screenshots format docs lock env test-compose clean

help: ## This page
	@echo "make <target>, the first time makes .venv by itself:"
	@echo
	@sed -n 's/^\([a-z0-9-]*\):[^#]*## \(.*\)/  \1|\2/p' $(firstword $(MAKEFILE_LIST)) | while IFS='|' read -r name words; do printf '  %-14s %s\n' "$$name" "$$words"; done
	@echo
	@echo "Servers: DATABASE_URL and RABBITMQ_URL when both are set (nothing is seeded there), else private ones below .run."

bootstrap:
	@scripts/bootstrap

demo: bootstrap ## Run it all here, with demo accounts and a line per event; Ctrl-C stops all of it
	@$(LOCAL) demo

up: bootstrap ## The same in the background; returns when every service is ready, addresses in .run/env
	@$(LOCAL) up

down: bootstrap ## Stop what `make up` or `make demo` of this clone started; the data stays
	@$(LOCAL) down

status: bootstrap ## Say whether it runs, and where
	@$(LOCAL) status

servers: bootstrap ## Run only PostgreSQL and RabbitMQ, to run tests against them again and again
	@$(LOCAL) servers

test: bootstrap ## Every check and every test but test-compose, with the time of each part (what CI runs)
	@$(LOCAL) test

lint: bootstrap ## Style and the direction of imports
	@$(LOCAL) lint

types: bootstrap ## mypy, strict, and TypeScript for the pages' scripts
	@$(LOCAL) types

security: bootstrap ## Known vulnerabilities, secrets, the Dockerfile; ADVISORIES=required fails without a network
	@$(LOCAL) security

sbom: bootstrap ## Write build/sbom.cdx.json: every package with version, licence, hashes (CycloneDX)
	@$(PYTHON) -m local_stack.bill_of_materials

tests: bootstrap ## Unit tests, and tests of single services on real servers
	@$(LOCAL) tests

e2e: bootstrap ## Stories through all services, with browsers
	@$(LOCAL) e2e

soak: bootstrap ## The loop twenty times in a row with two browsers and twenty streams (under 30 minutes)
	@$(LOCAL) soak

chaos: bootstrap ## Webinars while faults strike, and the accounts: SEED=1 (several: SEED="1 2 3"), FAULTS=40
	@PYTHONPATH=tests-e2e $(PYTHON) -m chaos $(SEED:%=--seed %) $(if $(FAULTS),--faults $(FAULTS))

chaos-check: bootstrap ## The same without each protection in turn: every run must show a difference
	@PYTHONPATH=tests-e2e $(PYTHON) -m chaos --check

upgrade-check: bootstrap ## From the release before to this one while webinars are on air: FROM=<commit or tag>
	@PYTHONPATH=tests-e2e $(PYTHON) -m upgrade $(FROM)

bench: bootstrap ## How fast a press at the desk shows with 200 streams open, and how soon a page does
	@$(LOCAL) bench

screenshots: bootstrap ## Every page in every state, into docs/screenshots: ONLY=room (those that begin so)
	@$(if $(ONLY),PYTHONPATH=tests-e2e $(PYTHON) -m screenshots $(ONLY),$(LOCAL) screenshots)

format: bootstrap ## Put the code into its style
	@.venv/bin/ruff check --fix --quiet . ; .venv/bin/ruff format .

docs: bootstrap ## Write docs/events.md, docs/asyncapi.json, docs/settings.md, and the alerts for Kubernetes
	@$(PYTHON) -m contracts.docs
	@$(PYTHON) -m servicekit.settings_docs
	@PYTHONPATH=deploy/observability $(PYTHON) -m watching.kubernetes

lock: bootstrap ## Compile requirements/*.txt from *.in, and what npm has to get
	@$(LOCK) requirements/bootstrap.in -o requirements/bootstrap.txt
	@$(LOCK) requirements/runtime.in -o requirements/runtime.txt
	@$(LOCK) requirements/dev.in -o requirements/dev.txt
	@$(LOCK) requirements/build.in -o requirements/build.txt
	@$(LOCK) requirements/javascript.in -o requirements/javascript.txt
	@$(PYTHON) -m local_stack.javascript lock

env: bootstrap ## Write .env with fresh secrets for docker compose; an existing one stays
	@test -e .env || (umask 077 && $(PYTHON) -m servicekit.cli env > .env.new && mv .env.new .env && echo "Wrote .env")

test-compose: bootstrap ## The containers: the loop, a restore, two of each, and an upgrade with FROM=<commit or tag> (needs Docker)
	@UPGRADE_FROM=$(FROM) $(PYTHON) -m pytest -q deploy/compose

clean: bootstrap ## Remove data, logs and downloads of this clone (make down first); .venv stays
	@$(LOCAL) clean
