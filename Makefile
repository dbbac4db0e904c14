# Two commands do everything on a fresh machine: `make demo` and `make test`.

PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3.13 || command -v python3)
VENV ?= .venv
MINI ?= .venv-mini
PIP_OPTIONS = --quiet --disable-pip-version-check --no-deps
PIP_INSTALL = $(VENV)/bin/python -m pip install $(PIP_OPTIONS)
# Every file that is installed has a hash in constraints/; `make lock` writes those files.
# No source packages: what builds them would be fetched without a hash.
LOCKED_WHEELS ?= --only-binary :all:
LOCKED = $(PIP_INSTALL) --require-hashes $(LOCKED_WHEELS)
# The demo's farm lies in its own directory; sockets and processes end with it.
DEMO ?= demo
LOOP ?= loop
BENCH = $(abspath $(VENV))/bin/bench
# Most proofs wait for processes rather than compute: three at a time keep two cores busy.
SIDE_BY_SIDE ?= --numprocesses 3 --dist worksteal

.PHONY: demo demo-agents stage-a loop test rest coverage quick chaos deep docs-run screenshots agents agents-ci proofs security rungs fuzz check format \
  bench docs dist lock image-digests clean

## demo: bench the critical issues of a small repository, and show the action to use, winners and spend
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

## demo-agents: bench a real coding agent (mini-swe-agent) on replayed answers of a model; no key, no network
DEMO_AGENTS ?= demo-agents
demo-agents: $(VENV)/.farm
	$(VENV)/bin/python -m tests.agents.install mini
	$(BENCH) demo --agents $(DEMO_AGENTS)
	bin=$$($(abspath $(VENV))/bin/python -m tests.agents.install --bin mini) && cd $(DEMO_AGENTS) && \
	  trap '$(BENCH) down' EXIT && export PATH="$$bin:$$PATH" BENCH_REPLAY_DIR="$$PWD/replays" && \
	  $(BENCH) issues import && $(BENCH) submit --k 2 --issues dep-102,dep-119 --wait && \
	  $(BENCH) show dep-102 --conversation

# What takes minutes and shows no more of a small change.
DEEP = tests/unit/bench/demo/test_corpus.py tests/acceptance/test_repair_rate.py tests/integration/test_benchmarks.py

# The pages whose blocks the documents' tests run.
README_PAGE = tests/documents/test_readme.py
PAGES = $(README_PAGE) tests/documents/test_tutorial.py tests/documents/test_how_to_pages.py

define run_tests
@[ "$$(id -u)" != 0 ] || command -v bwrap >/dev/null || \
  { echo "as root, work runs in bubblewrap only: apt-get install bubblewrap, or run the tests as an ordinary user"; exit 1; }
BENCH_TEST_MINI=$(abspath $(MINI))/bin/mini $(VENV)/bin/python -m pytest $(SIDE_BY_SIDE) $(TEST_FLAGS) $(1)
endef

# What `coverage` measures: tests that run in one process. No process of a candidate or a gate has a coverage hook.
COVERED = tests/architecture tests/contracts tests/unit tests/integration/landing \
  $(addprefix tests/integration/test_,$(addsuffix .py,artifacts references issue_identities importing_exports label_outcomes label_parts))

## test: all tests but those of `chaos`, `agents`, `deep` and `docs-run`
test: $(VENV)/.dev $(MINI)/.done
	$(call run_tests,$(addprefix --ignore ,tests/chaos tests/agents $(PAGES) $(DEEP)))

## coverage: unit tests and contracts with branch coverage; fails below the floor in pyproject.toml
coverage: $(VENV)/.dev $(MINI)/.done
	$(call run_tests,$(addprefix --ignore ,$(DEEP)) --cov --cov-report=term:skip-covered $(COVERED))

## rest: the tests of `test` that `coverage` does not run
rest: $(VENV)/.dev $(MINI)/.done
	$(call run_tests,$(addprefix --ignore ,tests/chaos tests/agents tests/documents $(DEEP) $(COVERED)))

## quick: the tests that take no more than a few seconds each
quick: $(VENV)/.dev
	$(VENV)/bin/python -m pytest $(SIDE_BY_SIDE) --ignore tests/agents -m "not slow"

## chaos: a fleet whose processes, machines, broker and database die
chaos: $(VENV)/.dev
	$(VENV)/bin/python -m pytest $(SIDE_BY_SIDE) $(TEST_FLAGS) tests/chaos

## docs-run: every command, config and program that README, tutorial and how-to guides show
docs-run: $(VENV)/.dev
	# Its arms have seconds: beside another farm on two cores they run out of time, and no patch is there to take.
	$(VENV)/bin/python -m pytest $(TEST_FLAGS) $(README_PAGE)
	$(VENV)/bin/python -m pytest --numprocesses 2 --dist worksteal --durations=10 $(TEST_FLAGS) tests/documents --ignore $(README_PAGE)

## screenshots: every page of a running `bench ui` in light and dark, narrow and wide: PAGE=http://… SCREENS=directory
PAGE ?= http://127.0.0.1:8420
SCREENS ?= build/screens
screenshots: $(VENV)/.dev
	$(VENV)/bin/python -m tests.browser.screenshots $(PAGE) $(SCREENS)

# The real programs: about 3 GB, kept in .agents/ or in $$BENCH_AGENTS_CACHE. What cannot be fetched is skipped.
# A farm and a program for each process: more than two keep each other from their budgets.
AGENTS_SIDE_BY_SIDE ?= --numprocesses 2 --dist worksteal
## agents: real agent programs through benches, against scripted models on loopback; the programs are fetched once
agents: $(VENV)/.dev
	$(VENV)/bin/python -m tests.agents.install
	$(VENV)/bin/python -m pytest $(AGENTS_SIDE_BY_SIDE) $(TEST_FLAGS) tests/agents

## agents-ci: claude, codex and mini-swe-agent alone: success, the money's end, a provider's outage
agents-ci: $(VENV)/.dev
	$(VENV)/bin/python -m tests.agents.install claude codex mini
	$(VENV)/bin/python -m pytest $(AGENTS_SIDE_BY_SIDE) $(TEST_FLAGS) -m agents_ci tests/agents

## deep: every gate of the demo at every commit, the repairer's rate on unseen bugs, a small table of benchmarks
deep: $(VENV)/.dev
	$(VENV)/bin/python -m pytest $(SIDE_BY_SIDE) $(TEST_FLAGS) $(DEEP)

## proofs: all proofs of the statistics at full size, with a table of what they found
proofs: $(VENV)/.dev
	BENCH_PROOFS=full $(VENV)/bin/python -m pytest $(SIDE_BY_SIDE) -o timeout=1800 tests/proofs

## security: the attacks on every promise, and a short fuzz of every parser
security: $(VENV)/.dev
	$(VENV)/bin/python -m pytest $(SIDE_BY_SIDE) tests/security

## rungs: the attacks on gates and patches in each sandbox but the best that the machine offers
rungs: $(VENV)/.dev
	for rung in unshare none group container; do \
	  BENCH_TEST_RUNG=$$rung $(VENV)/bin/python -m pytest $(SIDE_BY_SIDE) $(TEST_FLAGS) $(IN_EACH_RUNG) || exit; done

IN_EACH_RUNG = tests/security/test_gates_hold.py tests/security/test_patch_is_taken_safely.py

## fuzz: 100,000 inputs for every parser of foreign text, new ones each day; two hours on two cores
BENCH_FUZZ ?= 100000
fuzz: export BENCH_FUZZ := $(BENCH_FUZZ)
fuzz: export BENCH_FUZZ_SEED ?= $(shell date +%F)
fuzz: $(VENV)/.dev
	$(VENV)/bin/python -m pytest $(SIDE_BY_SIDE) tests/security/fuzz

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
	$(VENV)/bin/python -m planner.documents.schema_files
	$(VENV)/bin/python -m planner.encoding.reference

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; name one: make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.farm: $(VENV)/bin/python pyproject.toml constraints/farm.txt
	$(LOCKED) -r constraints/farm.txt
	$(PIP_INSTALL) --no-build-isolation --editable .
	@touch $@

# A build for CPUs alone where pip knows one (as on the machines that test this); else the public one.
$(VENV)/.train: $(VENV)/.farm constraints/train.txt constraints/torch-cpu.txt constraints/torch.txt constraints/cuda.txt
	$(LOCKED) -r constraints/train.txt
	@$(LOCKED) -r constraints/torch-cpu.txt 2>/dev/null || $(LOCKED) -r constraints/torch.txt -r constraints/cuda.txt
	@touch $@

$(VENV)/.dev: $(VENV)/.train constraints/dev.txt
	$(LOCKED) -r constraints/dev.txt
	@touch $@

# A real mini-swe-agent for one test, apart from the farm: it pins what the farm does not.
$(MINI)/.done: tests/stand_ins/mini-requirements.txt
	$(PYTHON) -m venv $(MINI)
	$(MINI)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $<
	@touch $@

## dist: build sdist and wheel into dist/, install the wheel into an empty environment and try it in an empty directory
DIST ?= dist
INSTALLED ?= build/installed
dist: $(VENV)/.dev
	rm -rf $(DIST) $(INSTALLED) build/lib build/bdist.*
	$(VENV)/bin/python -m build --no-isolation --outdir $(DIST) .
	$(PYTHON) -m venv $(INSTALLED)
	$(INSTALLED)/bin/python -m pip install $(PIP_OPTIONS) --require-hashes $(LOCKED_WHEELS) -r constraints/farm.txt
	$(INSTALLED)/bin/python -m pip install $(PIP_OPTIONS) --no-index $(DIST)/*.whl
	$(INSTALLED)/bin/python -m pip check --disable-pip-version-check
	mkdir $(INSTALLED)/empty
	cd $(INSTALLED)/empty && ../bin/planner --help >/dev/null && ../bin/bench demo demo

## lock: write the exact versions and hashes in constraints/ from pyproject.toml; UPGRADE=--upgrade takes newer ones
lock: .venv-lock/bin/uv
	.venv-lock/bin/python constraints/write.py $(UPGRADE)

.venv-lock/bin/uv: constraints/uv.txt
	$(PYTHON) -m venv .venv-lock
	.venv-lock/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $<
	@touch $@

## image-digests: the lines that pin compose's base images by digest, for .env; needs docker and its registry
image-digests:
	@sed -n 's/.*$${\([A-Z]*_IMAGE\):-\([^}]*\)}.*/\1 \2/p' docker-compose.yml | while read -r name image; do \
	  digest=$$(docker buildx imagetools inspect --format '{{.Manifest.Digest}}' "$$image" </dev/null) && \
	  echo "$$name=$$image@$$digest" || exit 1; done

clean:
	rm -rf build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
