# A thin facade: every target is one line, the work is in Snakefile and in audit_lib. `make help` lists the targets.
# Settings: DATASET (a name or a path), COLUMNS ("SessionId=sid,ItemId=iid,Time=ts"), TIME_UNIT (s, ms, us, ns, date,
# order), TEST_DAYS, MIN_ITEM_SUPPORT, K, RECOMMENDERS ("sr,vsknn"), PROFILE (tiny, quick, full), ENGINE (independent,
# official), DEVICE (cpu, cuda), SEEDS ("0,1,2"), CORES, PYTHON, VENV, AUDIT_PDF ("en es",
# or nothing for no PDF), LOCKED (cpu or gpu: install the very files of requirements/common.lock and of that build of
# torch, each checked against its hash).
PYTHON  ?= $(shell command -v python3.11 || command -v python3)
VENV    ?= .venv
CORES   ?= 2
DATASET ?=
# In the environment COLUMNS is the width of a terminal.
ifneq ($(origin COLUMNS),command line)
COLUMNS :=
endif
TIME_UNIT ?=
TEST_DAYS ?=
MIN_ITEM_SUPPORT ?=
K       ?=
RECOMMENDERS ?=
PROFILE ?=
ENGINE  ?=
DEVICE  ?=
SEEDS   ?=
LOCKED  ?=
READY   := $(VENV)/.ready
RUN     := $(VENV)/bin/python
# An environment whose Python is gone, as after an upgrade of the system, is made anew.
ifeq ($(wildcard $(VENV)/bin/python),)
$(shell rm -f $(READY))
endif
PIP      = $(RUN) -m pip install --quiet --disable-pip-version-check
export PYTHONPATH := $(CURDIR)$(if $(PYTHONPATH),:$(PYTHONPATH))
# A value as the shell reads it unchanged, whatever characters it has.
verbatim = '$(subst ','\'',$(1))'
SETTINGS = --config dataset=$(call verbatim,$(DATASET)) columns=$(call verbatim,$(COLUMNS)) \
           profile=$(call verbatim,$(PROFILE)) engine=$(call verbatim,$(ENGINE)) device=$(call verbatim,$(DEVICE)) \
           seeds=$(call verbatim,$(SEEDS)) time_unit=$(call verbatim,$(TIME_UNIT)) \
           test_days=$(call verbatim,$(TEST_DAYS)) min_item_support=$(call verbatim,$(MIN_ITEM_SUPPORT)) \
           cutoff=$(call verbatim,$(K)) recommenders=$(call verbatim,$(RECOMMENDERS))
# Of a book the chain of stages that takes longest, training and what reads it, goes first.
FIRST    = $(if $(wildcard notebooks/05_evaluation.md),--prioritize _build/executed/en/notebooks/05_evaluation.ipynb)
SNAKE    = --cores $(CORES) --rerun-triggers mtime params input --rerun-incomplete --quiet all $(SETTINGS)
STAGE    = $(RUN) -m book.press.pipeline stage

.DEFAULT_GOAL := help
.PHONY: help book check test notebooks fetch synth_data preprocess baselines train_tiny eval_tiny study report visualize demo ci lock translate clean

help:  ## List the targets
	@grep -hE '^[a-z_]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z_]+):.*## /\1\t/' | awk -F'\t' '{printf "  make %-12s %s\n", $$1, $$2}'

book: $(READY)  ## Run what is out of date, build the site in both languages, say where to open it
	@$(RUN) -m book.press.pipeline snakemake -- $(FIRST) $(SNAKE) && printf 'Open %s\n' $(call verbatim,$(CURDIR)/_build/site/index.html)

check: $(READY)  ## Lint and the quick tests: units and contracts, without stages, books and other processes
	@$(RUN) -m ruff check . && $(RUN) -m pytest --numprocesses=$(CORES) --dist=loadfile --no-loadscope-reorder \
	 -m "not (slow or site or browser or official or real_data)"

test: $(READY)  ## Lint, then every test: units, pipeline, notebooks, both languages, the finished site
	@$(RUN) -m ruff check . && $(RUN) -m pytest --numprocesses=$(CORES) --dist=loadfile --no-loadscope-reorder

notebooks: $(READY)  ## Write the .ipynb of every stage from its text
	@$(RUN) -m book.press.pipeline notebooks

fetch: $(READY)  ## Get a data set (DATASET=foursquare_nyc) and the official GRU4Rec, both verified
	@$(RUN) -m audit_lib fetch $(call verbatim,$(or $(DATASET),foursquare_nyc))
	@$(RUN) -m audit_lib fetch official || echo "The official code is optional: all but the comparison with it runs without."

synth_data: OUT ?= runs/synthetic.tsv
synth_data: $(READY)  ## Write a synthetic log whose law is known (OUT=runs/synthetic.tsv)
	@$(RUN) -m audit_lib synth --out $(call verbatim,$(OUT))

preprocess: $(READY)  ## Sessions and split of a data set, with the leakage report (stages 01 and 02)
	@$(STAGE) 02_split -- $(SNAKE)

baselines: $(READY)  ## Rank and measure the simple recommenders (stage 03)
	@$(STAGE) 03_baselines -- $(SNAKE)

train_tiny: PROFILE := tiny
train_tiny: $(READY)  ## Train a small GRU4Rec on a small log (stage 04)
	@$(STAGE) 04_gru4rec -- $(SNAKE)

eval_tiny: PROFILE := tiny
eval_tiny: $(READY)  ## Measure what train_tiny trained (stage 05)
	@$(STAGE) 05_evaluation -- $(SNAKE)

study: $(READY)  ## Run the full study (hours), one job an experiment; stop and go on at will
	@$(RUN) -m book.press.pipeline snakemake -- -s workflows/study.smk --cores $(CORES) --keep-going --rerun-incomplete --quiet

report: book  ## The same as book: the report is the book

visualize: $(READY)  ## Save the pictures of the executed stages under _build/figures
	@$(RUN) -m book.press.pipeline figures

demo: $(READY)  ## Popularity against Markov on synthetic data, in seconds
	@$(RUN) -m audit_lib demo

translate: $(READY)  ## Bring the Spanish catalogues in step with the English pages; list what is left
	@$(RUN) -m book.press.site translate

lock: $(READY)  ## Resolve requirements.txt into the lock and the bill of materials (needs uv)
	@$(RUN) -m tests.defence.lockfile && $(RUN) -m tests.defence.inventory

ci:  ## What continuous integration runs
	@.ci/run

clean:  ## Remove what runs and builds made; never a file under version control
	@rm -rf _build build *.egg-info .snakemake .pytest_cache .ruff_cache .mypy_cache .hypothesis book/_static/mathjax book/_static/ranks.js
	@for text in notebooks/[0-9][0-9]_*.md; do made="$${text%.md}.ipynb"; \
	  if [ -s "$$made" ] && [ "$$made" -nt "$$text" ]; then echo "Kept $$made, which is newer than its text."; \
	  else rm -f "$$made"; fi; done
	@find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} + ; echo "Removed builds and executed notebooks. Kept: evidence in runs/, downloads, $(VENV)."

# The environment, made on first use and again whenever the requirements change. Versions are always those of the lock;
# files may come from any index, unless LOCKED asks for the very ones that the lock names.
$(READY): requirements.txt $(wildcard requirements/*)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; name one with PYTHON=…")'
	@echo "Installing what requirements.txt pins into $(VENV) (once, a few minutes) ..."
	@$(RUN) -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv $(if $(wildcard $(VENV)/pyvenv.cfg),--clear) $(VENV) || \
	 { echo "No environment could be made in $(VENV). On Debian or Ubuntu install python3-venv, then run make again." >&2; exit 1; }
ifneq ($(LOCKED),)
	@$(PIP) --no-deps --require-hashes -r requirements/common.lock -r requirements/$(LOCKED).lock
	@$(RUN) -m pip check
else
	@sed -E '/^(#| )/d; s/ \\$$//' requirements/common.lock requirements/gpu.lock > $(VENV)/constraints.txt
	@$(PIP) -r requirements.txt -c $(VENV)/constraints.txt
endif
	@$(RUN) -c 'import os, pathlib, sysconfig; pathlib.Path(sysconfig.get_path("purelib"), "audit.pth").write_text(os.getcwd() + "\n", "utf8", "ignore")'
	@touch $@
