# Needs make and Python 3.11, 3.12 or 3.13. make PYTHON=python3.12 chooses the one that creates .venv.
PYTHON ?= python3
# The environment. Another one for another Python: make smoke VENV=.venv-3.13 PYTHON=python3.13
VENV ?= .venv

.PHONY: study test lint smoke install

study: $(VENV)/installed
	$(VENV)/bin/python -m ablate --multirun

test: $(VENV)/installed
	$(VENV)/bin/python -m pytest -n 2 --dist loadfile

lint: $(VENV)/installed
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports --no-cache

# What differs between versions of Python: processes, files, signals, and one study from end to end.
smoke: $(VENV)/installed
	$(VENV)/bin/python -m pytest -n 2 --dist loadfile tests/config tests/process tests/store tests/study tests/workers tests/faults/test_machines.py

install: $(VENV)/installed

# The stamp is written last, so that an interrupted installation is repeated.
$(VENV)/installed: pyproject.toml constraints.txt
	@test -x $(VENV)/bin/python || command -v "$(PYTHON)" > /dev/null || { \
	    echo "Expected Python 3.11, 3.12 or 3.13; found no $(PYTHON). Name one: make PYTHON=python3.12"; \
	    exit 1; }
	@test -x $(VENV)/bin/python || "$(PYTHON)" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || { \
	    echo "Expected Python 3.11, 3.12 or 3.13; $(PYTHON) is $$("$(PYTHON)" --version 2>&1). Name another: make PYTHON=python3.12"; \
	    exit 1; }
	@$(VENV)/bin/python -m pip --version > /dev/null 2>&1 || "$(PYTHON)" -m venv --clear $(VENV)
	$(VENV)/bin/python -m pip install --disable-pip-version-check --quiet -c constraints.txt -e '.[cpu,test]'
	@touch $@
