# Everything from a fresh machine: each target makes the environment first.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
STAMP = $(VENV)/.installed
LONG = -o faulthandler_timeout=3600  # what takes longer than five minutes here does not hang

.PHONY: demo test nightly nightly-vbench nightly-vbench-wiring quick check evidence evidence-long bench clean

# Warnings are off where this package is installed: setuptools' advice on folders reads like a failure.
$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --upgrade pip
	$(BIN)/python -m pip install -q -c constraints.txt torch setuptools wheel
	PYTHONWARNINGS=ignore $(BIN)/python -m pip install -q -c constraints.txt -e '.[dev]'
	touch $@

demo: $(STAMP)  ## Render the demo prompts, plain and reflected, and name the gallery.
	$(BIN)/render docs/demo.txt -o demo --baseline

check: $(STAMP)  ## Format, lint, types against the installed package.
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	rm -rf build  # else modules that have moved are installed from what was built before
	$(BIN)/python -m pip install -q --no-deps --no-build-isolation --target build/installed .
	cd build/installed && $(abspath $(BIN))/mypy --config-file $(CURDIR)/pyproject.toml -p w2sd_video

test: $(STAMP) check  ## The whole test suite.
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2

nightly: $(STAMP)  ## What takes longer: rendering that is killed 200 times.
	KILLS=200 OMP_NUM_THREADS=1 $(BIN)/pytest $(LONG) tests/render/test_killing.py

nightly-vbench: $(STAMP)  ## The official VBench, about 6 GB, against our own computation.
	$(BIN)/w2sd-video vbench setup
	W2SD_NIGHTLY_VBENCH=1 OMP_NUM_THREADS=1 $(BIN)/pytest $(LONG) tests/eval/vbench/test_official.py

nightly-vbench-wiring: $(STAMP)  ## The official VBench with random weights: the wiring only.
	$(BIN)/w2sd-video vbench setup
	W2SD_NIGHTLY_VBENCH=1 OMP_NUM_THREADS=1 $(BIN)/pytest $(LONG) tests/eval/vbench/test_wiring.py

quick: $(STAMP)  ## The tests without the slow ones.
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 -m "not slow"

evidence: $(STAMP)  ## All of docs/evidence.md: the long ones from what is kept of them, the others from nothing.
	OMP_NUM_THREADS=1 $(BIN)/w2sd-video evidence short --keep
	OMP_NUM_THREADS=1 $(BIN)/w2sd-video evidence long --recorded --keep

evidence-long: $(STAMP)  ## The long ones from nothing, too, which takes nights; it can be interrupted.
	OMP_NUM_THREADS=1 $(BIN)/w2sd-video evidence long --keep

bench: $(STAMP)  ## The benchmarks, one JSON line each.
	$(BIN)/python -m benchmarks

clean:
	rm -rf $(VENV) demo renders build .pytest_cache .mypy_cache .ruff_cache
