# Every target is one plain command or two; CONTRIBUTING.md shows them for machines without make.
VENV ?= .venv
BIN := $(VENV)/bin
NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for python in python3.11 python3 python; do \
  $$python -c '$(NEW_ENOUGH)' 2>/dev/null && echo $$python && break; done)
# Hundreds of processes start in the tests: each would compile all modules again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup run test siege lint bench chaos rehearse-deploy lock screenshots

help: ## show these lines
	@grep -E '^[a-z-]+:.*## ' Makefile | sed -E 's/:.*## /\t/' | expand -t 18

setup: $(VENV)/installed ## create .venv and install the locked packages

$(VENV)/installed: requirements-dev.txt
	@$(or $(PYTHON),false) -c '$(NEW_ENOUGH)' || { \
	  echo "Holdfast needs Python 3.11 or later. Install it, or say where it is:"; \
	  echo "  make $(or $(MAKECMDGOALS),setup) PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@

run: setup ## start everything; http://127.0.0.1:8000/ (Ctrl-C stops it)
	$(BIN)/python manage.py dev

test: setup ## run the tests (DATABASE_URL=postgres://... for those on PostgreSQL)
	$(BIN)/python -m pytest -n 4 --dist worksteal -rs -m "not siege and not browser"

siege: setup ## the tests that drive a browser, kill, break and take away (minutes)
	$(BIN)/python -m pytest -n 6 --dist worksteal -rs -m "siege or browser"

# cfn-lint and what it needs are 150 MB, and only `make lint` uses them: `make setup` stays quick.
$(VENV)/infra-installed: requirements-infra.txt $(VENV)/installed
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-infra.txt
	@touch $@

lint: setup $(VENV)/infra-installed ## formatting, types, import arrows, migrations, templates, deploy checks
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy .
	$(BIN)/lint-imports
	$(BIN)/python -m docs.map --check
	$(BIN)/python -m docs.rights --check
	ENV_FILE=.ci/production.env $(BIN)/python -m docs.retention --check
	ENV_FILE=.ci/production.env $(BIN)/python -m docs.metrics --check
	$(BIN)/python manage.py makemigrations --check --dry-run
	DJANGO_SETTINGS_MODULE=project.settings $(BIN)/python -m tests.additive_migrations
	ENV_FILE=.ci/production.env $(BIN)/python manage.py render_infra --check
	$(BIN)/cfn-lint infra/*.json infra/*.yaml
	ENV_FILE=.ci/production.env $(BIN)/python manage.py check --deploy --fail-level WARNING

bench: setup ## compare with stock Celery and a bare loop; SQS away; a million letters
	$(BIN)/python -m benchmarks

chaos: setup ## the whole system under fire, and its books (DURATION=1200 for a soak, SEED=7)
	$(BIN)/python -m tests.chaos --seconds $(or $(DURATION),60) $(if $(SEED),--seed $(SEED))

rehearse-deploy: setup ## a deployment from an empty folder, on an emulator that lets IAM decide
	$(BIN)/python -m tests.rehearsal

screenshots: setup ## take the pictures of the documents again (needs Chromium)
	$(BIN)/python -m docs.screenshots

lock: $(VENV)/installed ## resolve pyproject.toml into the requirements files
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --no-header \
	  --extra dev --extra tracing -o requirements-dev.txt pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --no-header \
	  -c requirements-dev.txt --group infra -o requirements-infra.txt
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --no-header \
	  -c requirements-dev.txt -o requirements.txt pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --no-header \
	  -c requirements-dev.txt --extra tracing -o requirements-tracing.txt pyproject.toml
