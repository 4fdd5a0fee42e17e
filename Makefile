# Tally. `make help` lists what there is; `make up` and `make test` need Python ≥ 3.11, git and make, nothing else.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
.NOTPARALLEL:
.SUFFIXES:

VENV = .venv
PYTHON = $(VENV)/bin/python
# More for pytest: make test ARGS="-k dead_letter"
ARGS =
# loadfile: a module that starts a whole stack starts it once. Three on two cores, since stacks wait as much as they work.
PYTEST = $(PYTHON) -m pytest -n 3 --dist loadfile --no-loadscope-reorder
FAST = unit or integration or architecture
MEETS_DJANGO = tests/unit $(addprefix tests/integration/,django_tasks intake models) tests/acceptance/test_django_tasks.py
# What runs on SQLite and on PostgreSQL.
ON_BOTH = (integration or concurrency) and django_db
# The gates read the settings but talk to no server and leave no data behind.
GATE_ENV = DEBUG=1 SECRET_KEY=gate DATABASE_URL=sqlite://:memory: REDIS_URL=redis://127.0.0.1:9 TALLY_DATA=$(VENV)/gate

# Pythons on PATH, then those that pyenv keeps beside it.
NEWEST_FIRST = $(foreach minor,14 13 12,python3.$(minor) $(wildcard $(HOME)/.pyenv/versions/3.$(minor).*/bin/python))
ANY_PYTHON = python3 python3.13 python3.12 python3.14 python3.11 $(wildcard $(HOME)/.pyenv/versions/3.1[1-9].*/bin/python)

# $(call first_python,CANDIDATES,MAJOR.MINOR): sets $$python to the first that is new enough and can make virtualenvs.
define first_python
python=""; \
for candidate in $(1); do \
	if "$$candidate" -c 'import sys, ensurepip, venv; sys.exit(sys.version_info[:2] < ($(subst .,$(comma),$(2))))' \
		>/dev/null 2>&1; then python="$$candidate"; break; fi; \
done
endef
comma := ,

# Two makes at once in one checkout take turns at the virtualenv (where flock exists).
take_turns = exec 8> $(VENV).lock; if command -v flock >/dev/null; then flock 8; fi

# $(call pip_install,FILE,FLAGS): installs a pinned file, when it is not the one that was installed last.
# --no-compile: Python compiles what is imported; of a development tool that is little.
define pip_install
if ! cmp -s $(1) $(VENV)/.installed-$(1); then \
	$(take_turns); \
	if ! cmp -s $(1) $(VENV)/.installed-$(1); then \
		echo "Installing $(1) into $(VENV) (the first time takes about a minute) …"; \
		$(PYTHON) -m pip install -qq --disable-pip-version-check --no-input --require-hashes $(PIP_FLAGS) $(2) -r $(1) 8>&-; \
		cp $(1) $(VENV)/.installed-$(1); \
	fi; \
fi
endef

##@ Run

.PHONY: up
up: install ## Start everything: Redis, SQLite, web, workers, keeper, beat (PORT=8123 DATA=/some/dir)
	@$(if $(PORT),export PORT='$(PORT)';) $(if $(DATA),export TALLY_DATA='$(DATA)';) exec $(PYTHON) manage.py up

.PHONY: drill
drill: install ## Kill a private stack's worker, keeper and Redis under load, then verify every job
	@exec $(PYTHON) manage.py drill $(ARGS)

.PHONY: bench
bench: install-dev ## Measure against stock Celery in the same run (≤ 9 minutes)
	@exec $(PYTHON) -m tests.benchmarks $(ARGS)

.PHONY: bench-large
bench-large: install-dev ## The same beside ten million ended jobs on PostgreSQL, and beside none (ROWS=1000000)
	@exec $(PYTHON) -m tests.benchmarks.large $(if $(ROWS),--rows $(ROWS)) $(ARGS)

##@ Test

.PHONY: test
test: test-sqlite test-postgres ## The whole suite: everything on SQLite, then what touches the database on PostgreSQL

.PHONY: test-sqlite
test-sqlite: install-dev ## The first half of it
	@$(PYTEST) $(ARGS)

.PHONY: test-postgres
test-postgres: install-dev ## The second half of it
	@$(PYTEST) --database postgres -m "$(ON_BOTH)" $(ARGS)

.PHONY: test-fast
test-fast: install-dev ## Unit, integration and architecture tests on SQLite
	@$(PYTEST) -m "$(FAST)" $(ARGS)

.PHONY: test-long
test-long: install-dev ## Full-length crash, fuzz and drill runs
	@$(PYTEST) --long -m "long or crash or hypothesis" $(ARGS)

.PHONY: test-scale
test-scale: install-dev ## A million rows, on SQLite and on PostgreSQL
	@$(PYTHON) -m pytest --scale -m scale $(ARGS)
	@$(PYTHON) -m pytest --database postgres --scale -m scale $(ARGS)
	@$(PYTHON) -m tests.benchmarks.large --rows 1000000 --database sqlite
	@$(PYTHON) -m tests.benchmarks.large --rows 1000000 --database postgres

.PHONY: test-newest
test-newest: venv ## What meets Django's version, on the newest Python found (Django 6.0 from 3.12 on)
	@$(call first_python,$(NEWEST_FIRST),3.12); \
	if [ -z "$$python" ]; then echo "Skipped: no Python newer than 3.11 found."; exit 0; fi; \
	version='import sys; print(sys.version_info[:2])'; \
	if [ "$$("$$python" -c "$$version")" = "$$($(PYTHON) -c "$$version")" ]; then \
		echo "Skipped: $(VENV) has the newest Python found."; exit 0; \
	fi; \
	$(MAKE) VENV=.venv-newest PIP_FLAGS=--no-compile BASE_PYTHON="$$python" install-dev; \
	$(subst $(VENV),.venv-newest,$(PYTEST)) $(MEETS_DJANGO) -m "not hypothesis" $(ARGS)

.PHONY: check
check: gates test-fast ## Is it good? Format, lint, types, layers, migrations, docs, fast tests

.PHONY: gates
gates: install-dev ## The same without the tests
	@echo "── format";     $(VENV)/bin/ruff format --check .
	@echo "── lint";       $(VENV)/bin/ruff check .
	@echo "── types";      $(GATE_ENV) $(VENV)/bin/mypy
	@echo "── layers";     $(VENV)/bin/lint-imports
	@echo "── migrations"; $(GATE_ENV) $(PYTHON) manage.py makemigrations --check --dry-run
	@echo "── docs";       $(GATE_ENV) $(PYTHON) manage.py reference_docs --check

.PHONY: audit
audit: venv ## Known weaknesses of the pinned requirements (asks pypi.org)
	@test -d .venv-audit || $(PYTHON) -m venv .venv-audit
	@.venv-audit/bin/pip install -qq --disable-pip-version-check --upgrade pip-audit
	@for file in requirements requirements-flower requirements-dev; do \
		echo "── $$file.txt"; .venv-audit/bin/pip-audit --strict --disable-pip --require-hashes -r "$$file.txt"; \
	done

##@ Change

.PHONY: format
format: install-dev ## Format, and mend what ruff can mend
	@$(VENV)/bin/ruff format .
	@$(VENV)/bin/ruff check --fix .

.PHONY: lock
lock: ## Recompile requirements*.txt from requirements*.in, newest versions allowed
	@$(call first_python,$(ANY_PYTHON),3.11); test -d .venv-lock || "$$python" -m venv .venv-lock
	@.venv-lock/bin/pip install -qq --disable-pip-version-check --upgrade uv
	@for file in requirements requirements-flower requirements-dev; do \
		.venv-lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --upgrade \
			"$$file.in" -o "$$file.txt"; \
	done

.PHONY: clean
clean: ## Remove virtualenvs and caches; .tally (your data) stays
	@rm -rf .venv .venv-newest .venv-lock .venv-audit .venv*.lock .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage htmlcov
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

##@ Set up (the others call these)

.PHONY: venv
venv:
	@if ! $(PYTHON) -c "" 2>/dev/null; then \
		$(take_turns); if $(PYTHON) -c "" 2>/dev/null; then exit 0; fi; \
		$(call first_python,$(or $(BASE_PYTHON),$(ANY_PYTHON)),3.11); \
		if [ -z "$$python" ]; then \
			echo "Tally needs Python 3.11 or newer with its venv module; none found on PATH (on Debian: apt install python3-venv)." >&2; exit 1; \
		fi; \
		"$$python" -m venv --clear $(VENV) 8>&-; \
	fi

.PHONY: install
install: venv ## Create .venv and install what Tally runs on
	@$(call pip_install,requirements.txt)

.PHONY: install-dev
install-dev: install ## Install what the gates and the tests need
	@$(call pip_install,requirements-dev.txt,--no-compile)

.PHONY: help
help: ## This list
	@awk 'BEGIN {FS = ":.*## "} \
		/^##@/ {printf "\n%s\n", substr($$0, 5)} \
		/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
