# Needs make and Python 3.11, 3.12 or 3.13. make PYTHON=python3.12 chooses the one that creates .venv.
PYTHON ?= python3

.PHONY: study test lint

study: .venv/installed
	.venv/bin/python -m ablate --multirun

test: .venv/installed
	.venv/bin/python -m pytest -n 2 --dist loadfile

lint: .venv/installed
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/lint-imports --no-cache

# The stamp is written last, so that an interrupted installation is repeated.
.venv/installed: pyproject.toml constraints.txt
	@test -x .venv/bin/python || command -v "$(PYTHON)" > /dev/null || { \
	    echo "Expected Python 3.11, 3.12 or 3.13; found no $(PYTHON). Name one: make PYTHON=python3.12"; \
	    exit 1; }
	@test -x .venv/bin/python || "$(PYTHON)" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || { \
	    echo "Expected Python 3.11, 3.12 or 3.13; $(PYTHON) is $$("$(PYTHON)" --version 2>&1). Name another: make PYTHON=python3.12"; \
	    exit 1; }
	@.venv/bin/python -m pip --version > /dev/null 2>&1 || "$(PYTHON)" -m venv --clear .venv
	.venv/bin/python -m pip install --disable-pip-version-check --quiet -c constraints.txt -e '.[cpu,test]'
	@touch $@
