# Every target sets up what it needs: system packages, a virtual environment, the install.
# `make demo` and `make test` use .venv with the package installed as its users install it;
# development happens in .venv-dev, sanitized builds in .venv-asan.

PYTHON ?= python3
CC ?= cc
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test dev lint format asan valgrind bench bench-peers clean

SOURCES := $(shell find ext pytxenc -name '*.[ch]' -o -name '*.py' -o -name '*.pyi') \
	$(shell find pytxenc/bundled pytxenc/demo -type f -not -name '*.py*') \
	setup.py pyproject.toml README.md LICENSE
C_FILES = $(shell git ls-files 'ext/*.[ch]' 'tests/*.[ch]')
BENCHES = $(patsubst benchmarks/bench_%.py,bench-%,$(wildcard benchmarks/bench_*.py))
PIP = bin/python -m pip --disable-pip-version-check install -q
# Objects of another configuration must not be taken for ours.
FRESH = rm -rf build
# Threads and kernels as on a machine that has no such settings.
PLAIN = env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' Makefile

demo: .venv/.installed ## see trained models fill gaps, compare sentences and learn a task
	@cd .venv && bin/python -m pytxenc.demo

test: .venv/.test ## run all tests against the installed package
	cd tests && PYTXENC_TEST_INSTALLED=1 ../.venv/bin/pytest -c ../pyproject.toml --rootdir=.. . $(TESTFLAGS)

dev: .venv-dev/.dev ## editable install with everything for development, in .venv-dev
	@echo "source .venv-dev/bin/activate; after a change in C: make dev"

lint: .venv-dev/.tools ## ruff, mypy, stubtest, clang-format
	.venv-dev/bin/ruff check
	.venv-dev/bin/ruff format --check
	.venv-dev/bin/mypy
	.venv-dev/bin/stubtest --concise --mypy-config-file pyproject.toml pytxenc._core
	.venv-dev/bin/clang-format --dry-run -Werror $(C_FILES)

format: .venv-dev/.tools ## rewrite the sources in the house style
	.venv-dev/bin/ruff check --fix-only
	.venv-dev/bin/ruff format
	.venv-dev/bin/clang-format -i $(C_FILES)

ASAN_RUN = LD_PRELOAD=$$($(CC) -print-file-name=libasan.so):$$($(CC) -print-file-name=libubsan.so) \
	ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1 PYTHONMALLOC=malloc
FUZZ_RUNS ?= 20000

asan: .venv-asan/.installed ## tests and fuzzers under AddressSanitizer and UBSan
	cd tests && $(ASAN_RUN) PYTXENC_TEST_INSTALLED=1 \
		../.venv-asan/bin/pytest -c ../pyproject.toml --rootdir=.. -m "not slow" -q .
	for fuzzer in tests/fuzz/fuzz_*.py; do \
		$(ASAN_RUN) .venv-asan/bin/python $$fuzzer --runs $(FUZZ_RUNS); \
	done

valgrind: .venv-dev/.dev ## forward passes of small models under valgrind
	@command -v valgrind >/dev/null || \
		{ echo "Please run this and try again: apt-get install valgrind libc6-dbg"; exit 1; }
	.venv-dev/bin/python tests/encoders/valgrind_pass.py

bench: .venv/.test ## compare speeds with other engines and tokenizers; a suite: make bench-inference
	@for bench in benchmarks/bench_*.py; do $(PLAIN) .venv/bin/python $$bench; done

# One suite, with options: make bench-inference BENCHFLAGS="--threads 1 --markdown"
.PHONY: $(BENCHES)
$(BENCHES): bench-%: .venv/.test
	@$(PLAIN) .venv/bin/python benchmarks/bench_$*.py $(BENCHFLAGS)

bench-peers: .venv/.test ## install the other engines and tokenizers that `make bench` can compare with
	@cd .venv && $(PIP) '..[test,bench]'

clean: ## remove everything that the other targets made
	rm -rf build dist *.egg-info .venv .venv-dev .venv-asan .pytest_cache .mypy_cache .ruff_cache
	rm -rf .hypothesis pytxenc/*.so
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# ---- set-up ----

%/.made: | system
	@$(PYTHON) -m venv $*
	@touch $@

.venv/.installed: .venv/.made $(SOURCES)
	@echo "Installing pytxenc into .venv"
	@$(FRESH)
	@cd .venv && $(PIP) ..
	@touch $@

.venv/.test: .venv/.made $(SOURCES)
	@echo "Installing pytxenc and what the tests compare it with into .venv"
	@$(FRESH)
	@cd .venv && $(PIP) '..[test]'
	@touch $@ .venv/.installed

.venv-dev/.tools: .venv-dev/.made pyproject.toml setup.py $(filter ext/%,$(SOURCES))
	$(FRESH)
	cd .venv-dev && $(PIP) -e '..[dev]'
	@touch $@

.venv-dev/.dev: .venv-dev/.made $(SOURCES)
	$(FRESH)
	cd .venv-dev && $(PIP) -e '..[dev,test]'
	@touch $@ .venv-dev/.tools

.venv-asan/.installed: .venv-asan/.made $(SOURCES)
	$(FRESH)
	cd .venv-asan && PYTXENC_SANITIZE=address,undefined $(PIP) .. \
		'pytest>=8' 'hypothesis>=6' 'sentencepiece>=0.2' 'tokenizers>=0.22' 'safetensors>=0.5'
	$(FRESH)
	@touch $@

# The Debian packages without which nothing builds: installed when that may be done without
# asking, otherwise the command is printed.
.PHONY: system
system:
	@has() { echo "#include <$$1>" | $(CC) -E $${2:-} - >/dev/null 2>&1; }; \
	missing=(); \
	command -v $(CC) >/dev/null || missing+=(gcc); \
	has stdio.h || missing+=(libc6-dev); \
	has utf8proc.h || missing+=(libutf8proc-dev); \
	has oniguruma.h || missing+=(libonig-dev); \
	if ! command -v $(PYTHON) >/dev/null; then \
		missing+=(python3 python3-venv python3-dev); \
	else \
		$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and \
			"pytxenc needs Python 3.10 or later: make PYTHON=python3.12 ...")'; \
		$(PYTHON) -c 'import ensurepip' 2>/dev/null || missing+=(python3-venv); \
		has Python.h "-I$$($(PYTHON) -c 'import sysconfig; print(sysconfig.get_path("include"))')" \
			|| missing+=(python3-dev); \
	fi; \
	if [ $${#missing[@]} = 0 ]; then exit 0; fi; \
	install="apt-get install -y --no-install-recommends $${missing[*]}"; \
	if ! command -v apt-get >/dev/null; then \
		echo "Missing, by their Debian names: $${missing[*]}. Install them and try again."; exit 1; \
	elif [ "$$(id -u)" = 0 ]; then sudo=; \
	elif sudo -n true 2>/dev/null; then sudo="sudo -n"; \
	else echo "Please run this and try again: sudo $$install"; exit 1; fi; \
	$$sudo apt-get update -q; \
	$$sudo env DEBIAN_FRONTEND=noninteractive $$install </dev/null
