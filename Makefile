# Everything a person types. `make run` and `make test` set up what they need by themselves.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
TEST_READY := .venv/.ready-test
COMPILE := $(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-header \
	--no-annotate --no-emit-index-url --quiet

.PHONY: run test test-all check format bench lock clean
.DEFAULT_GOAL := run

# A lock holds versions and hashes. uv installs it in half a minute; where it cannot (an index
# that only pip is set up for), pip does the same in a few. `sync` also removes what an earlier
# lock had: two builds of TensorFlow would share one folder.
UV := $(BIN)/uv pip
PIP := $(BIN)/python -m pip install -q --disable-pip-version-check
LOCKED := --python $(BIN)/python --require-hashes

$(READY): requirements.lock requirements-uv.lock pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "Installing what running needs into .venv (about 3 GB, once) ..."
	@$(PIP) --require-hashes -r requirements-uv.lock
	@$(UV) sync -q $(LOCKED) requirements.lock || $(PIP) --require-hashes -r requirements.lock
	@$(PIP) --no-deps --no-build-isolation -e .
	@touch $@

$(TEST_READY): $(READY) requirements-test.lock
	@echo "Installing what tests need as well (about 0.7 GB, once) ..."
	@$(UV) install -q $(LOCKED) -r requirements-test.lock \
		|| $(PIP) --require-hashes -r requirements-test.lock
	@touch $@

run: $(READY)  ## the whole pipeline on simulated recordings
	@$(BIN)/ecg-denoise run $(ARGS)

test: check  ## linter, formatter, types and the tests
	@$(BIN)/python -m pytest -rs -m "not slow" -n 3 --dist loadfile --no-loadscope-reorder $(ARGS)

test-all: check  ## also long series and heavy servers
	@$(BIN)/python -m pytest -rs -n 3 --dist loadfile --no-loadscope-reorder $(ARGS)

check: $(TEST_READY)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache --no-logo
	@$(BIN)/python tests/house_rules.py

format: $(TEST_READY)
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: $(READY)  ## speed, as ratios measured in one run
	@$(BIN)/python -m benchmarks $(ARGS)

lock: $(READY)  ## after a change of pyproject.toml
	@$(COMPILE) --extra all pyproject.toml -o requirements.lock
	@$(COMPILE) --extra dev --constraints requirements.lock pyproject.toml \
		-o requirements-test.lock
	@echo "uv" | $(COMPILE) - -o requirements-uv.lock

clean:
	rm -rf .venv build *.egg-info
