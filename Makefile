# Two commands do everything on a fresh machine: `make demo` and `make test`.

PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3.13 || command -v python3)
VENV ?= .venv
MINI ?= .venv-mini
PIP_INSTALL = $(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
# The demo's farm lies in its own directory; sockets and processes end with it.
DEMO ?= demo
LOOP ?= loop
BENCH = $(abspath $(VENV))/bin/bench
# Most proofs wait for processes rather than compute: three at a time keep two cores busy.
SIDE_BY_SIDE ?= --numprocesses 3 --dist worksteal

.PHONY: demo stage-a loop test quick proofs check format bench docs clean

## demo: bench the critical issues of a small repository, and show winners, regret and spend
demo: $(VENV)/.farm
	$(BENCH) demo $(DEMO)
	cd $(DEMO) && trap '$(BENCH) down' EXIT && $(BENCH) issues import && $(BENCH) submit --k 4 --slice critical --wait

## stage-a: a stream teaches a policy on the demo corpus, and the policy shadows a second stream
STAGE_A ?= stage-a
stage-a: $(VENV)/.train
	$(BENCH) stage-a $(STAGE_A)

## loop: bench the demo broadly, train a policy on what came of it, and judge it beside controls; half an hour
loop: $(VENV)/.train
	$(BENCH) loop $(LOOP)

## test: all tests
test: $(VENV)/.dev $(MINI)/.done
	BENCH_TEST_MINI=$(abspath $(MINI))/bin/mini $(VENV)/bin/python -m pytest $(SIDE_BY_SIDE) $(TEST_FLAGS)

## quick: the tests that take no more than a few seconds each
quick: $(VENV)/.dev
	$(VENV)/bin/python -m pytest $(SIDE_BY_SIDE) -m "not slow"

## proofs: all proofs of the statistics at full size, with a table of what they found
proofs: $(VENV)/.dev
	BENCH_PROOFS=full $(VENV)/bin/python -m pytest $(SIDE_BY_SIDE) -o timeout=1800 tests/proofs

## check: style, types, floors
check: $(VENV)/.dev
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

format: $(VENV)/.dev
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

## bench: the table of benchmarks
bench: $(VENV)/.dev
	$(VENV)/bin/python -m benchmarks

## docs: regenerate what is generated from the code
docs: $(VENV)/.dev
	$(VENV)/bin/python -m bench.cli.reference --write
	$(VENV)/bin/python -m db.view_reference
	$(VENV)/bin/python -m planner.schema_files
	$(VENV)/bin/python -m planner.layout_reference

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; name one: make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.farm: $(VENV)/bin/python pyproject.toml constraints.txt
	$(PIP_INSTALL) --editable '.[farm]'
	@touch $@

$(VENV)/.train: $(VENV)/bin/python pyproject.toml constraints.txt
	$(PIP_INSTALL) --editable '.[farm,train]'
	@touch $@ $(VENV)/.farm

$(VENV)/.dev: $(VENV)/bin/python pyproject.toml constraints.txt
	$(PIP_INSTALL) --editable '.[farm,train,dev]'
	@touch $@ $(VENV)/.farm $(VENV)/.train

# A real mini-swe-agent for one test, apart from the farm: it pins what the farm does not.
$(MINI)/.done: tests/stand_ins/mini-requirements.txt
	$(PYTHON) -m venv $(MINI)
	$(MINI)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -r $<
	@touch $@

clean:
	rm -rf build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
