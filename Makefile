# `make` or `make help` lists what there is. Every target sets up the virtual environment it needs.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
DATA ?=
PEERS ?=

.DEFAULT_GOAL := help
.PHONY: help setup app train test test-fast test-cluster check bench screenshots clean

help: ## List the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/.app ## Make the virtual environment with what the app and the trainer need

app: $(VENV)/.app ## Open the dashboard at http://localhost:8501
	$(BIN)/python -m streamlit run streamlit_app.py

train: $(VENV)/.app ## Train: on the drawn faces, or make train DATA=path
	$(BIN)/python -m core.train $(if $(DATA),--data $(DATA))

test: $(VENV)/.dev ## Run every test
	$(BIN)/python -m pytest -n 2 --dist loadgroup --ignore tests/cluster

test-fast: $(VENV)/.dev ## Run the tests that train nothing and start no process or browser
	$(BIN)/python -m pytest -n 2 --dist loadgroup --ignore tests/cluster -m "not slow" -q

test-cluster: $(VENV)/.cluster ## Test --cluster on a Ray cluster of this machine
	$(BIN)/python -m pytest tests/cluster

check: $(VENV)/.dev ## Lint, check the formatting, the import contracts and the types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy

bench: $(VENV)/.dev ## Measure speed, side by side; beside fer and DeepFace too: make bench PEERS=their python
	$(BIN)/python benchmarks/all.py $(if $(PEERS),--peers $(PEERS))

screenshots: $(VENV)/.dev ## Make the README's screenshots from the shipped runs (needs Chromium)
	$(BIN)/python tests/screenshots.py

clean: ## Remove the virtual environment
	rm -rf $(VENV)

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
	  { echo "Affectoscope needs Python 3.11 to 3.13; found $$($(PYTHON) --version). Pass one: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.app: requirements.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/.cluster: requirements-cluster.txt $(VENV)/.dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-cluster.txt
	@touch $@

$(VENV)/.dev: requirements-dev.txt requirements-onnx.txt $(VENV)/.app
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@
