# Everything a person types. `make run` and `make test` set up what they need by themselves.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

.PHONY: run test test-all check format bench clean
.DEFAULT_GOAL := run

# The lock holds versions and hashes. uv installs it in half a minute; where it cannot (an index
# that only pip is set up for), pip does the same in a few.
$(READY): requirements.lock requirements-uv.lock pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "Installing the locked environment into .venv (about 2 GB, once) ..."
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements-uv.lock
	@$(BIN)/uv pip install -q --python $(BIN)/python --require-hashes -r requirements.lock \
		|| $(BIN)/python -m pip install -q --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install -q --no-deps --no-build-isolation -e .
	@touch $@

run: $(READY)  ## the whole pipeline on simulated recordings
	@$(BIN)/ecg-denoise run $(ARGS)

test: check  ## linter, formatter, types and the tests
	@$(BIN)/python -m pytest -rs -m "not slow" -n 2 --dist loadfile $(ARGS)

test-all: check  ## also long series and heavy servers
	@$(BIN)/python -m pytest -rs -n 2 --dist loadfile $(ARGS)

check: $(READY)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache --no-logo
	@$(BIN)/python tests/house_rules.py

format: $(READY)
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: $(READY)  ## speed, as ratios measured in one run
	@$(BIN)/python -m benchmarks $(ARGS)

lock:  ## after a change of pyproject.toml
	@uv pip compile --universal --python-version 3.11 --generate-hashes --extra dev --no-header \
		--no-annotate --no-emit-index-url --quiet pyproject.toml -o requirements.lock
	@echo "uv" | uv pip compile --universal --python-version 3.11 --generate-hashes --no-header \
		--no-annotate --no-emit-index-url --quiet - -o requirements-uv.lock

clean:
	rm -rf .venv build *.egg-info
