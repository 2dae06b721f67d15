# Everything a fresh machine needs beyond g++, make, perl and python3-venv is installed here.
PYTHON ?= python3
VENV ?= .venv
RUN ?= runs/digits
BIN := $(VENV)/bin

.PHONY: setup demo test test-slow coverage lint clean

setup: $(VENV)/.installed

# PyTorch first and alone, so that nothing else picks its version; then the pinned rest, which names
# every transitive package and the digests of its files, so no resolver runs.
$(VENV)/.installed: requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check torch==2.13.0
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

demo: setup
	$(BIN)/spikewright demo configs/digits.yaml --run $(RUN)

test: setup
	$(BIN)/python -m pytest -q -n 2

test-slow: setup
	$(BIN)/python -m pytest -q -n 2 -m slow

# Lines and branches of Python that the default tests reach; benchmarks/rtl_coverage.py for Verilog.
coverage: setup
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -q -n 2
	$(BIN)/coverage combine -q
	$(BIN)/coverage report --format=markdown

lint: setup
	$(BIN)/ruff check .
	$(BIN)/mypy

clean:
	rm -rf build runs .pytest_cache .mypy_cache .ruff_cache
