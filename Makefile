# Two commands are all a newcomer needs: `make train` and `make test`.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
EPOCHS ?= 20
SEED   ?= 0
ENGINE ?= llvm
PROGRAMS ?= 20000
JOBS   ?= 1

.PHONY: train test lint types conformance conformance-page fuzz fuzz-neon zoo clean
.PHONY: train test lint types conformance conformance-page deck fuzz fuzz-neon clean
.PHONY: train test lint types conformance conformance-page fuzz fuzz-neon gpu-check clean

# One stamp file for each set of extras, so that a second run installs nothing.
$(VENV)/.installed-%: pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing gradatim[$*] into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[$*]'
	@touch $@

train: $(VENV)/.installed-all
	@$(BIN)/gradatim train --epochs $(EPOCHS) --seed $(SEED)

# One process for each core, files whole; what measures times runs alone behind it.
TIMED := tests/engines_llvm/test_threads.py

test: $(VENV)/.installed-test
	@$(BIN)/python -m pytest tests --ignore=tests/conformance --ignore=$(TIMED) -n auto --dist loadfile
	@$(BIN)/python -m pytest $(TIMED)
	@$(BIN)/python -m pytest --doctest-modules gradatim -n auto --dist loadfile \
		--ignore gradatim/bench/sides/in_jax.py --ignore gradatim/bench/sides/in_torch.py \
		--ignore gradatim/engines/xla

lint: $(VENV)/.installed-lint
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(VENV)/.installed-lint $(VENV)/.installed-test
	@$(BIN)/mypy

conformance: $(VENV)/.installed-peers $(VENV)/.installed-test
	@PYTHONHASHSEED=0 $(BIN)/python -m pytest tests/conformance -n auto --dist loadfile

# All sample inputs of PyTorch's operator database; writes docs/conformance.md. Ten minutes.
conformance-page: $(VENV)/.installed-peers $(VENV)/.installed-test
	@$(BIN)/python -m tests.conformance.op_db.run --jobs 2 --page docs/conformance.md

# Trains the deck's systems and writes docs/zoo.md: an hour. NAMES="adaline omp-1": some.
zoo: $(VENV)/.installed-all
	@$(BIN)/python tools/make_zoo.py $(NAMES)
# Every figure and picture of the deck; writes docs/deck.md. At most an hour; goes on where it was
# stopped (FRESH=1: measures anew).
deck: $(VENV)/.installed-deck $(VENV)/.installed-peers $(VENV)/.installed-test
	@$(BIN)/python -m benchmarks.deck $(if $(FRESH),--fresh)

# Random programs, the engine against the reference engine. GUARD=1: in guarded memory.
# FEATURES=avx512, avx2 or sse2: code for a smaller processor.
fuzz: $(VENV)/.installed-test
	@$(BIN)/python -m tests.engines.fuzz --engine $(ENGINE) --programs $(PROGRAMS) --seed $(SEED) \
		--jobs $(JOBS) $(if $(GUARD),--guard) $(if $(FEATURES),--features $(FEATURES))

# For AArch64, under qemu. Needs packages qemu-user, gcc-aarch64-linux-gnu, libc6-dev-arm64-cross.
fuzz-neon: PROGRAMS = 200
fuzz-neon: ENGINE = neon
fuzz-neon: fuzz

# On a machine with a GPU: the deck's program with .cuda(), and times beside PyTorch and JAX.
gpu-check:
	@$(PYTHON) -m gradatim.bench.gpu

clean:
	rm -rf $(VENV) build dist *.egg-info
