# Every target; `make help` lists them.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
REQUIREMENTS := requirements.txt requirements-lock.txt source/sentiment/requirements.txt

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint release solutions package grade bank doctor models clean
export PATH := $(abspath $(BIN)):$(PATH)

help:  ## list the targets
	@grep -hE '^[a-z_-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z_-]+):.*## (.*)/  make \1|\2/' | column -t -s'|'

setup: $(STAMP)  ## build .venv from the pinned requirements; nothing to do when it is current

$(STAMP): $(REQUIREMENTS)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make setup PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -r requirements.txt -c requirements-lock.txt
	@touch $@

demo: setup  ## the whole course once: release, notebook, training, evaluation (CPU, offline, about 4 minutes)
	$(BIN)/python ci/demo.py

test: setup lint  ## everything that needs no GPU and no network
	$(BIN)/python ci/build.py check
	$(BIN)/python -m pytest

lint: setup  ## ruff: format and rules, notebook included
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

release: setup  ## compile source/ to release/ with nbgrader
	$(BIN)/python ci/build.py release

solutions: setup  ## execute the instructor's notebook into solutions/; saves its runs for nbgrader
	$(BIN)/python ci/build.py solutions

package: release  ## dist/sentiment-student.zip: release and embedded models, works alone and offline
	$(BIN)/python ci/build.py package

grade: setup  ## grade everyone in submitted/ into the gradebook; build/grading/status.csv has a row a student
	$(BIN)/python -m grader run

bank: setup  ## grade the grader: every mutant, variant and hostile submission, and the matrix against the laws
	$(BIN)/python -m tests.bank

doctor: setup  ## what this machine can grade with, and how to mend what is missing
	$(BIN)/python -m grader doctor

models: setup  ## train the embedded models again (hours)
	$(BIN)/python -m ci.models build all

clean:  ## remove what can be made again, .venv apart
	rm -rf build dist .pytest_cache .ruff_cache
