# Two commands matter: `make demo` runs the whole hotline here, `make test` proves it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMPS := .stamps
KERNELS := $(wildcard cython_ext/*/*.pyx cython_ext/*/*.pxd cython_ext/*/*.pxi cython_ext/*/*.h) cython_ext/media_floor/floor.c \
           $(filter-out cython_ext/media/_media.c,$(wildcard cython_ext/media/*.c)) \
           $(wildcard acd_core/*.py acd_core/*/*.py drivers/*.py drivers/sip/*.py drivers/sip/*/*.py) setup.py

.PHONY: help setup system dev build docs bench lint format types test unit e2e systemd browser pure engine-test sanitize fuzz soak load check demo clean

help:
	@sed -n 's/^## //p' Makefile

## make setup      system packages, .venv and compiled kernels
setup: build dev

system: $(STAMPS)/system
$(STAMPS)/system: packages.txt | $(STAMPS)
	./install-packages packages.txt
	@touch $@

$(STAMPS)/test-system: packages-test.txt | $(STAMPS)
	./install-packages packages-test.txt
	@touch $@

$(STAMPS):
	@mkdir -p $@

$(STAMPS)/venv: pyproject.toml | $(STAMPS) $(STAMPS)/system
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip "setuptools>=77" wheel \
		"Cython>=3.1,<4" "mypy>=1.15,<3" "msgspec>=0.19,<1"
	$(BIN)/python -m pip install --quiet --no-build-isolation -e .
	@touch $@

# What tests and checks need beyond the product itself.
dev: $(STAMPS)/dev
$(STAMPS)/dev: $(STAMPS)/venv | $(STAMPS)/test-system
	$(BIN)/python -m pip install --quiet --no-build-isolation -e ".[dev]"
	@touch $@

build: $(STAMPS)/build
$(STAMPS)/build: $(STAMPS)/venv $(KERNELS)
	$(BIN)/python setup.py -q build_ext --inplace
	@touch $@

## make lint       ruff, import contracts, spelling
lint: build dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache
	$(BIN)/codespell

## make format     rewrite to the house style
format: build dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

## make types      mypy --strict
types: build dev
	$(BIN)/mypy

## make test       every test; those in real time one after the other
test: build dev engine-test
	$(BIN)/python -m pytest -n 2 -m "not e2e and not systemd" tests
	$(BIN)/python -m pytest -m e2e tests

## make unit       the quick tests only
unit: build dev
	$(BIN)/python -m pytest -n 2 -m "not e2e and not systemd and not browser and not speech" tests

e2e: build dev
	$(BIN)/python -m pytest -m e2e tests

## make systemd    the unit files on a machine of their own, booted in a container; needs root
systemd: build dev
	$(BIN)/python -m pytest -m systemd tests/systemd

browser: build dev
	$(BIN)/python -m pytest -m browser tests

## make pure       the unit tests on the plain-Python kernels
pure: build dev
	HOOKFLASH_PURE_PYTHON=1 $(BIN)/python -m pytest -n 2 -m "not e2e and not systemd and not browser and not speech" tests

engine-test: build
	$(MAKE) -s -C cython_ext/media check

## make sanitize   the engine's C tests: addresses, undefined behaviour, races
sanitize: build
	$(MAKE) -s -C cython_ext/media check thread

## make fuzz       changed packets for the engine, the link, T.38, SIP and its descriptions, FUZZ_SECONDS each
FUZZ_SECONDS ?= 20
SANITIZED := LD_PRELOAD="$$(gcc -print-file-name=libasan.so)" ASAN_OPTIONS=detect_leaks=0 \
             PYTHONMALLOC=malloc PYTHONPATH=build/sanitized:.
fuzz: build dev
	$(MAKE) -s -C cython_ext/media fuzz SECONDS=$(FUZZ_SECONDS)
	$(BIN)/python -m tests.fuzz $(FUZZ_SECONDS)
	$(BIN)/python -m tests.fuzz.descriptions $(FUZZ_SECONDS)
	$(BIN)/python -m tests.fuzz.t38 $(FUZZ_SECONDS)
	$(BIN)/python -m tests.fuzz.sanitized
	$(SANITIZED) $(BIN)/python -P -m tests.fuzz.sip $(FUZZ_SECONDS)
	$(SANITIZED) $(BIN)/python -P -m tests.fuzz.kernels $(FUZZ_SECONDS)

## make soak       a million events through the distribution kernel, a call of 24 hours through the engine
soak: build
	$(MAKE) -s -C cython_ext/media long
	$(BIN)/python tests/cython_ext/acd/soak.py

## make check      everything a commit must pass
check: lint types test

## make demo       the whole hotline on this machine, with real SIP calls
demo: build
	$(BIN)/hookflash demo

## make docs       write docs/reference/ from the code
docs: build
	$(BIN)/python docs/generate.py

## make bench      what decisions, calls and audio cost on this machine
bench: build
	for subject in acd media parser sip; do $(BIN)/hookflash bench $$subject; done

## make load       10 000 calls while control is killed five times; needs SIPp
load: build dev
	$(BIN)/python -m tests.load.killing

clean:
	rm -rf $(STAMPS) build *.egg-info cython_ext/*/*.so cython_ext/compiled
	find cython_ext -name '_*.c' -delete
