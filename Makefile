# Each line stands alone on a fresh machine with Python 3.11 or newer, git and make.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: install quickstart test check bench bases docs clean
.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit("espalier needs Python 3.11 or newer, this is " + sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[train,math,judge,probe,dev]'
	touch .venv/installed

install: .venv/installed                      ## .venv with everything but the GPU parts

quickstart: install                           ## a true study of tiny models, to report.html
	$(BIN)/espalier quickstart

test: install                                 ## the tests
	$(BIN)/python -m pytest -q -n auto --dist loadgroup

check: install                                ## linters and types
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

bench: install                                ## side-by-side benchmarks against the peers
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[bench]'
	set -e; for script in bench/*.py; do echo "== $$script"; OMP_NUM_THREADS=1 $(BIN)/python $$script; done

bases: install                                ## make the shipped bases again (half an hour)
	$(BIN)/python -m espalier.tunnel.make

docs: install                                 ## what in docs/ is generated
	$(BIN)/python -m espalier.schema docs/study.schema.json
	$(BIN)/python bench/papers.py

clean:                                        ## everything that can be made again
	rm -rf .venv runs report.html .mypy_cache .ruff_cache .pytest_cache .hypothesis
