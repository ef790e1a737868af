# One command for each chore. `make results` and `make test` build the environment that they need.
PYTHON ?= $(firstword $(foreach name,python3.11 python3,$(shell command -v $(name))))
VENV := .venv
BIN := $(VENV)/bin
CORES ?= all
CONFIG ?=
STAMP := $(VENV)/.installed
PEERS := .peers/.installed
MAP_PEERS := .map_peers/.installed
SIMPSOM := .simpsom/.installed
GENIE := .genie/.installed
SIMULATION := .simulation/.installed

.DEFAULT_GOAL := help
.PHONY: help env results gallery test test-slurm fuzz check-kills check-processors lint format docs site \
  report gpu-env gpu-check benchmark-ensemble benchmark-maps benchmark-searches \
  figure-joss compare-consensus compare-clusterings check-null compare-simpsom simulation-env \
  paper-plasma lock dist audit licences clean

help: ## list these commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-20s %s\n", $$1, $$2}'

env: $(STAMP) ## build the locked environment in .venv

$(STAMP): envs/requirements.txt pyproject.toml
	@case "$(abspath $(VENV))" in *" "*) echo "Snakemake cannot start Python from a path with a space: make VENV=/path/without/space" >&2; exit 1;; esac
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(v < (3, 11) and f"kohorte needs Python 3.11 or newer, {sys.executable} is {v[0]}.{v[1]}: make PYTHON=...")'
	@echo "Building the environment in $(VENV): a few minutes, about 2 GB, once"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --require-hashes -r envs/requirements.txt
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@$(BIN)/python scripts/compile_kernels.py
	@echo "The environment is ready"
	@touch $@

GPU := $(VENV)/.gpu

gpu-env: $(GPU) ## add to .venv what JAX needs for NVIDIA GPUs: 3 GB

$(GPU): $(STAMP) envs/gpu.txt
	$(BIN)/python -m pip install --quiet --require-hashes --no-deps -r envs/gpu.txt
	@touch $@

SIZE ?= full

# On a CPU nothing is added to the environment; SIZE=tiny tries if it runs.
DEVICE ?= gpu

gpu-check: $(STAMP) ## install for the GPU, test on it, time all that JAX computes: results/benchmarks/gpu.csv
	@test "$(DEVICE)" = cpu || $(MAKE) --no-print-directory gpu-env
	$(BIN)/python scripts/check_gpu.py --device $(DEVICE) --size $(SIZE)

results: $(STAMP) ## run the default study, or CONFIG=config/wine.yaml
	@$(BIN)/kohorte run $(or $(CONFIG),config/config.yaml) --cores $(CORES)

gallery: $(STAMP) ## draw the pictures of docs/images that the study of CONFIG has
	$(BIN)/snakemake --cores $(CORES) $(if $(CONFIG),--configfile $(CONFIG)) -- gallery

report: $(STAMP) ## write results/<study>/snakemake-report.html: result, tables, jobs and times of the finished study
	$(BIN)/kohorte report --snakemake $(or $(CONFIG),config/config.yaml)

test: lint ## lint, then unit, property and workflow tests
	$(BIN)/python -m pytest -n 2 --dist loadgroup

test-slurm: $(STAMP) ## test on a real Slurm, installed and started here (as root, Debian or Ubuntu)
	@trap 'tests/slurm/loopback.sh down' EXIT INT TERM; \
	  KOHORTE_INSTALL_SLURM=1 $(BIN)/python -m pytest tests/test_slurm.py

EXAMPLES ?= 1000

fuzz: $(STAMP) ## damage configurations and data files at random, up to the workflow; EXAMPLES of each kind
	KOHORTE_EXAMPLES=$(EXAMPLES) $(BIN)/python -m pytest tests/test_hostile.py tests/test_hostile_study.py

KILLS ?= 50

check-kills: $(STAMP) ## kill runs of a small study, or of CONFIG, KILLS times; they must go on
	KOHORTE_KILLS=$(KILLS) KOHORTE_KILLS_CONFIG=$(CONFIG) $(BIN)/python -m pytest -s tests/test_kills.py

check-processors: $(STAMP) ## run studies of ten kinds as older processors would, and compare
	KOHORTE_PROCESSORS=1 $(BIN)/python -m pytest tests/test_portable.py

lint: $(STAMP) ## check format, style and types of Python and Snakemake code
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/snakefmt --check Snakefile workflow src
	$(BIN)/snakemake --lint

format: $(STAMP) ## put code into the common format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/snakefmt Snakefile workflow src

docs: $(STAMP) ## write docs/reference/configuration.md, and the table of figures in docs/reference/results.md
	$(BIN)/python scripts/write_configuration_page.py

site: $(STAMP) ## build the pages of docs/ into results/site: open results/site/index.html
	NO_MKDOCS_2_WARNING=1 SOURCE_DATE_EPOCH=0 $(BIN)/mkdocs build --strict

POINTS ?= 10000000

benchmark-ensemble: $(STAMP) ## time the ensemble step; POINTS=100000000 for 1e8 points from disk
	KOHORTE_BENCHMARK_POINTS=$(POINTS) $(BIN)/snakemake --cores 2 --forcerun benchmark_ensemble -- benchmarks

# Other packages' methods run in an environment of their own; where it cannot be built the comparison
# says so and goes on without them.
$(PEERS): envs/peers.txt
	$(PYTHON) -m venv .peers
	.peers/bin/python -m pip install --quiet --require-hashes --no-deps -r envs/peers.txt
	@touch $@

# somoclu is built with the numpy of the environment, and would be for CUDA, too, where it finds that
# compiler. fastersom runs on PyTorch, whose build for the machine pip chooses. Without either, the
# benchmark says so and goes on without that package.
$(MAP_PEERS): envs/map_peers.txt envs/somoclu.txt
	$(PYTHON) -m venv .map_peers
	.map_peers/bin/python -m pip install --quiet --require-hashes --no-deps -r envs/map_peers.txt
	-CUDAHOME=none .map_peers/bin/python -m pip install --quiet --require-hashes --no-deps \
	  --no-build-isolation -r envs/somoclu.txt
	-.map_peers/bin/python -m pip install --quiet torch==2.13.0
	@touch $@

benchmark-maps: $(STAMP) ## time maps against other packages; SIZE=small tries if it runs
	-@$(MAKE) --no-print-directory $(MAP_PEERS) || rm -rf .map_peers
	KOHORTE_BENCHMARK_SIZE=$(SIZE) $(BIN)/snakemake --cores 2 --forcerun benchmark_maps -- map_benchmarks

benchmark-searches: $(STAMP) ## time searches for winners, and count the nodes that they look at; SIZE=small
	-@$(MAKE) --no-print-directory $(MAP_PEERS) || rm -rf .map_peers
	KOHORTE_BENCHMARK_SIZE=$(SIZE) $(BIN)/snakemake --cores 2 --forcerun benchmark_searches \
	  -- results/benchmarks/searches.csv

figure-joss: $(STAMP) ## draw the published figure of times from both benchmarks, run where missing
	-@$(MAKE) --no-print-directory $(MAP_PEERS) || rm -rf .map_peers
	KOHORTE_BENCHMARK_POINTS=$(POINTS) $(BIN)/snakemake --cores 2 --rerun-triggers mtime \
	  --forcerun plot_joss -- figure_joss

compare-consensus: $(STAMP) ## compare consensus methods; those of other packages run in .peers
	-@$(MAKE) --no-print-directory $(PEERS) || rm -rf .peers
	$(BIN)/snakemake --cores $(CORES) comparison

# Genie is under the AGPL and is no part of kohorte: it runs as a program of its own.
$(GENIE): envs/genie.txt
	$(PYTHON) -m venv .genie
	.genie/bin/python -m pip install --quiet --require-hashes --no-deps -r envs/genie.txt
	@touch $@

SUITE ?=
METHODS ?=
NULL ?=
TABLES ?=
CLUSTERINGS := KOHORTE_SUITE="$(SUITE)" KOHORTE_METHODS="$(METHODS)" KOHORTE_NULL="$(NULL)" \
  KOHORTE_NULL_TABLES="$(TABLES)" $(BIN)/snakemake --cores $(CORES) --keep-going

compare-clusterings: $(STAMP) ## compare clusterings of the sets in SUITE=folder; NULL=1 with p-values
	-@$(MAKE) --no-print-directory $(GENIE) || rm -rf .genie
	$(CLUSTERINGS) -- clusterings

check-null: $(STAMP) ## find groups in tables with and without structure; TABLES=20 of each kind
	$(CLUSTERINGS) -- null_tables

$(SIMPSOM): envs/simpsom.txt
	$(PYTHON) -m venv .simpsom
	.simpsom/bin/python -m pip install --quiet --require-hashes --no-deps -r envs/simpsom.txt
	@touch $@

compare-simpsom: $(STAMP) ## time SimpSOM and kohorte on MNIST
	-@$(MAKE) --no-print-directory $(SIMPSOM) || rm -rf .simpsom
	$(BIN)/snakemake --cores 1 --forcerun compare_simpsom -- results/benchmarks/simpsom.csv

# pi-PIC is under the GPL and is no part of kohorte: studies with `fields.source: simulation` run it as
# a program of its own.
simulation-env: $(SIMULATION) ## build the environment that plasmas are simulated in

$(SIMULATION): envs/simulation.txt
	$(PYTHON) -m venv .simulation
	.simulation/bin/python -m pip install --quiet --require-hashes --no-deps -r envs/simulation.txt
	@touch $@

STUDY ?= plasma3d

paper-plasma: $(STAMP) $(SIMULATION) ## plasma study with all figures and their list; STUDY=plasma2d
	$(BIN)/snakemake --cores $(CORES) --configfile config/$(STUDY).yaml \
	  -- all results/$(STUDY)/figures/manifest.csv

LOCK := uv pip compile --upgrade --universal --python-version 3.11 --fork-strategy fewest \
  --generate-hashes --no-annotate --no-emit-index-url --no-emit-find-links \
  --custom-compile-command "make lock"

lock: ## make the locks in envs/ again, with uv
	$(LOCK) envs/requirements.in -o envs/requirements.txt
	$(LOCK) -c envs/requirements.txt envs/gpu.in -o envs/gpu.txt
	for peers in peers map_peers somoclu simpsom genie simulation; do \
	  $(LOCK) --no-deps envs/$$peers.in -o envs/$$peers.txt || exit 1; \
	done

dist: $(STAMP) ## build wheel and archive of the source in dist/: the same bytes of the same commit
	SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) $(BIN)/python -c \
	  "from setuptools import build_meta as b; b.build_sdist('dist'); b.build_wheel('dist')"

audit: $(STAMP) ## compare the environment with its lock, file by file; then known weaknesses, by network
	$(BIN)/python scripts/audit_lock.py
	$(PYTHON) -m venv .audit
	.audit/bin/python -m pip install --quiet pip-audit
	.audit/bin/pip-audit --requirement envs/requirements.txt --require-hashes --disable-pip \
	  --strict

licences: $(STAMP) ## list the licences of the packages that kohorte is locked to
	@$(BIN)/python scripts/list_licences.py

clean: ## remove the environments and all results
	rm -rf $(VENV) .audit dist .peers .map_peers .simpsom .genie .simulation .snakemake
	find results -mindepth 1 ! -name README.md -delete
