# `make run` shows the product, `make test` checks it; both install what they need into .venv.

PYTHON ?= $(shell command -v python3.11 || command -v python3 || echo python3)
BIN := .venv/bin
INSTALLED := .venv/installed
BUILT := web/static/manifest.json
SCREENS := $(shell find web/frontend/src hub/texts -type f 2>/dev/null) \
	$(wildcard web/frontend/*.json web/frontend/build.*)
COMPILE := $(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 \
	--generate-hashes --no-annotate --no-emit-index-url --no-emit-find-links --quiet \
	--custom-compile-command "make lock"

# What must hold on MongoDB's protocol as well as on the embedded store; the contract of the two in
# tests/store asks for both by itself.
ON_MONGO := $(wildcard tests/hub/test_intake*.py tests/hub/test_delivery*.py \
	tests/hub/test_desk*.py tests/hub/test_fetching*.py tests/hub/test_dialogs*.py tests/hub/test_timers*.py \
	tests/hub/test_worker*.py tests/hub/test_marks*.py tests/hub/test_leads*.py \
	tests/hub/test_search*.py tests/hub/test_leases*.py tests/hub/test_many_workers*.py tests/hub/test_ruling_many*.py \
	tests/telephony/test_due*.py tests/telephony/test_dead*.py tests/hub/test_pulse*.py tests/hub/test_polling*.py tests/hub/test_secrets*.py tests/hub/test_verify*.py tests/hub/test_housekeeping*.py)

# As many tests at a time as there are processors, the tests of a file one after another.
TOGETHER := -n auto --maxprocesses=4 --dist=loadfile

.PHONY: run install test check lint types pytest mongo redis conformance lag bench screens format lock browser sounds clean

run: install
	$(BIN)/hub demo

install: $(INSTALLED) $(BUILT)

$(INSTALLED): requirements-dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; name it with: make PYTHON=python3.12"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv || { rm -rf .venv; \
		echo "The module venv is needed; on Debian: apt-get install python3-venv"; exit 1; }
	@echo "Installing into .venv; the first time takes a minute or two."
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes \
		--no-deps -r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation \
		--no-deps -e .
	@touch $@

$(BUILT): $(SCREENS) | $(INSTALLED)
	$(BIN)/python web/frontend/build.py
	@touch $@

test: check

check: lint types pytest mongo redis

lint: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports

types: install
	$(BIN)/mypy
	cd web/frontend && PATH="$(CURDIR)/$(BIN):$$PATH" npm run --silent check
	cd web/frontend && PATH="$(CURDIR)/$(BIN):$$PATH" npm test --silent

# Processes that are killed have the machine to themselves; what ends so tells of no line that it
# ran, and being watched for it makes each of them slower by a third.
pytest: install browser sounds
	$(BIN)/pytest $(TOGETHER) -m "not e2e and not chaos" --cov --cov-report=
	$(BIN)/pytest $(TOGETHER) --dist=worksteal -m e2e --cov --cov-append --cov-report=term
	$(BIN)/pytest -m "chaos and not e2e"
	$(BIN)/coverage report --include='hub/*' --fail-under=95

mongo: install
	$(BIN)/pytest $(TOGETHER) --store=mongo -m "not e2e" $(ON_MONGO)

redis: install
	$(BIN)/pytest --bus=redis tests/web/test_live.py tests/web/test_widget.py tests/web/test_journey.py

# Other people's clients for Node against the played messengers; those for Python are among the tests.
conformance: install
	cd tests/conformance/npm && PATH="$(CURDIR)/$(BIN):$$PATH" npm ci --silent
	$(BIN)/pytest tests/conformance/npm/clients.py

# Every answer up to a second late, as on a slow line: what is pressed and typed meanwhile is not lost.
lag: install browser
	$(BIN)/pytest $(TOGETHER) --dist=worksteal -m e2e --lag=1000

# The browser of the end-to-end tests; only they need it.
browser:
	@{ command -v chromium || command -v chromium-browser || command -v google-chrome; } >/dev/null || \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		apt-get update -qq && \
		DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends chromium \
			fonts-dejavu-core fonts-noto-color-emoji; \
	else echo "The tests need Chromium; on Debian: sudo apt-get install chromium"; exit 1; fi

# What makes and unpacks voices; the few tests of these programs are left out where one is missing.
sounds:
	@missing=; for each in ffmpeg sox espeak-ng; do \
		command -v $$each >/dev/null || missing="$$missing $$each"; done; \
	if [ -z "$$missing" ]; then exit 0; fi; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq && \
		DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends $$missing; \
	then exit 0; fi; \
	echo "Left out of the tests:$$missing"

bench: install browser
	$(BIN)/python -m tests.bench

# The pictures of docs/screens, after the screens have changed.
screens: install browser
	$(BIN)/python -m tests.screens

format: install
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# Takes over what pyproject.toml asks for; `make lock UPGRADE=--upgrade` takes newer versions.
lock:
	$(COMPILE) $(UPGRADE) -o requirements.lock
	$(COMPILE) $(UPGRADE) --group dev -c requirements.lock -o requirements-dev.lock

clean:
	rm -rf .venv web/static web/frontend/node_modules .coverage* htmlcov
