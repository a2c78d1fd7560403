# Everything that a person does here is a target; `make` alone lists them. Set-up is part of each:
# as root it goes through apt, otherwise it says what to install.

CARGO ?= cargo
INPUT ?=
SECONDS ?= 60
KERNELS ?= 5.10 6.1 6.12 6.18 7.2

.DEFAULT_GOAL := help
.PHONY: help demo test check build bench bench-codec bench-peers bench-ring \
	bench-programs bench-pairs bench-queries bench-export clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 16

demo: ## install what is missing, build, record this node for ten seconds, show the result
	@scripts/setup build
	@scripts/demo

test: ## install what is missing, run every check and every test
	@scripts/setup build test
	@scripts/check
	@CARGO="$(CARGO)" scripts/test

test-kernels: ## the module and the recorder under every Debian kernel that can be had, emulated
	@scripts/setup build test
	@scripts/test-kernels $(KERNELS)

check: ## format, lints, documentation, scripts, dependencies
	@scripts/setup build test
	@scripts/check

build: ## build the two programs, optimised, into target/release
	@scripts/setup build
	@$(CARGO) build --release --locked --bins

bench: ## measure everything, print it and keep it in benches/README.md (SECONDS=60 for each peer)
	@scripts/setup build
	@scripts/bench $(SECONDS)

bench-codec: ## measure the block codec on a recorded input: INPUT=file.frec.zst
	@scripts/setup build
	@$(CARGO) run --release --locked --quiet -p nodemon-benches --bin codec -- $(INPUT)

bench-peers: ## measure the recorder beside sadc, atop and node_exporter only
	@scripts/setup build
	@$(CARGO) build --release --locked --quiet --bins
	@NODEMON_PEERS="$$(scripts/peers)" $(CARGO) run --release --locked --quiet -p nodemon-benches --bin peers -- $(SECONDS)

bench-ring: ## measure the kernel's ring at 1 ms, from the timer to the disk
	@scripts/setup build
	@$(CARGO) build --release --locked --quiet --bins
	@$(CARGO) run --release --locked --quiet -p nodemon-benches --bin ring -- $(SECONDS)

bench-programs: ## measure the programs in the kernel: each event, a map, all of it under a load
	@scripts/setup build
	@$(CARGO) build --release --locked --quiet --bins
	@$(CARGO) run --release --locked --quiet -p nodemon-benches --bin programs

bench-pairs: ## two recorders at once, with and without stacks; or of two builds: BEFORE=file AFTER=file
	@scripts/setup build
	@$(CARGO) build --release --locked --quiet --bins
	@NODEMON_PEERS="$$(scripts/peers)" $(CARGO) run --release --locked --quiet -p nodemon-benches --bin pairs -- $(SECONDS) $(BEFORE) $(AFTER)

bench-queries: ## measure how fast a recording answers
	@scripts/setup build
	@$(CARGO) build --release --locked --quiet --bins
	@$(CARGO) run --release --locked --quiet -p nodemon-benches --bin queries

bench-export: ## measure the export to Parquet and CSV
	@scripts/setup build
	@$(CARGO) build --release --locked --quiet --bins
	@$(CARGO) run --release --locked --quiet -p nodemon-benches --bin export

clean: ## remove what was built
	@$(CARGO) clean
