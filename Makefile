# Few verbs. Each one does the set-up it needs; the README names the first three.

PYTHON ?= python3.11
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
SAMPLE := build/sample
ASSIGNMENT ?= a1_attention
# Jupyter wants to be told that it is meant when it runs as root, as it does in a container
LAB_FLAGS ?= $(if $(filter 0,$(shell id -u)),--allow-root)

# torch, notebooks and browsers share a laptop's cores
export OMP_NUM_THREADS ?= 1

.PHONY: help lab test grade check build bench gallery experiments clean

help:
	@echo "make lab    open the course in JupyterLab"
	@echo "make test   pass all tests"
	@echo "make grade  grade the sample class ($(ASSIGNMENT))"
	@echo "make check  lint, format, types"
	@echo "make build  rebuild notebooks, sheets and releases from their text"
	@echo "make bench  measure the speed of checking and grading (KEEP=1: keep the table)"
	@echo "make gallery  show every card of the sample classes on one page"
	@echo "make experiments  run what is too dear for a notebook, and write its tables"
	@echo "make clean  remove what make has made, .venv included"

lab: $(READY)
	$(BIN)/autograder build --missing
	@echo "Opening the course in your browser, at lectures/index.ipynb. Stop it with Ctrl-C."
	$(BIN)/jupyter lab --LabApp.default_url=/lab/tree/lectures/index.ipynb $(LAB_FLAGS)

test: $(READY)
	$(BIN)/python -m pytest --numprocesses 2 --dist loadgroup

grade: $(READY)
	$(BIN)/autograder sample $(ASSIGNMENT) $(SAMPLE)
	cd $(SAMPLE) && $(CURDIR)/$(BIN)/autograder grade $(ASSIGNMENT) --json grades.jsonl $(GRADE_FLAGS)
	$(BIN)/autograder expect $(ASSIGNMENT) $(SAMPLE)/grades.jsonl

check: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

build: $(READY)
	$(BIN)/autograder build

bench: $(READY)
	$(BIN)/python -m tests.bench $(if $(KEEP),--keep)

gallery: $(READY)
	$(BIN)/python -m tests.gallery

experiments: $(READY)
	$(BIN)/python -m course.experiments

clean:
	rm -rf $(VENV) build

$(READY): requirements.txt pyproject.toml
	@command -v $(PYTHON) > /dev/null || { echo "There is no $(PYTHON): install Python 3.11," \
	    "or name it: make PYTHON=/path/to/python3.11"; exit 1; }
	@echo "Setting up $(VENV) with the pinned versions: about 1.5 GB, once, in a few minutes."
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --requirement requirements.txt
	$(BIN)/python -m pip install --no-deps --no-build-isolation --editable .
	$(BIN)/jupyter labextension disable --level=sys_prefix "@jupyterlab/apputils-extension:announcements"
	touch $@
