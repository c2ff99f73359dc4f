# What there is to do here. CI calls the same targets.
.DEFAULT_GOAL := help
.PHONY: help bootstrap build run test demo fuzz simulate mutate chaos bench-placement bench-events bench-sandbox bench-fleet bench-heartbeats wasi-suite lint format check-imports guests test-processes test-neighbour clean

# Passed on: `make demo ARGS=--keep`, `make run ARGS="dev app.yaml"`, `make test ARGS="--filter Name"`.
ARGS ?=
SOURCES := Package.swift Sources Tests Benchmarks/Package.swift Benchmarks/Sources Guests
# An import of a target that is not a declared dependency is an error; the same in every build of the
# tests, so that none has to be built twice. The index has to be written: SwiftPM finds tests by it.
CHECKED := --explicit-target-dependency-import-check error

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

bootstrap: ## Bring what is missing: Debian packages, Wasmtime, Python packages
	@scripts/bootstrap

build: bootstrap ## Build the optimised program, its launcher and its watcher in .build/release
	swift build -c release --product wasmatrix
	swift build -c release --product wasmatrix-launcher
	swift build -c release --product wasmatrix-watcher

chaos: build guests ## Break a fleet of processes under load: make chaos ARGS="--short", ARGS="--seed 7 --seconds 600"
	@python3 Tests/Process/chaos.py $(ARGS)

mutate: bootstrap ## Break the deciding code on purpose, and report what no test notices
	scripts/mutate $(ARGS)

run: build ## Run it: make run ARGS="dev app.yaml"
	.build/release/wasmatrix $(ARGS)

# Few at a time: some compute for minutes, others wait for real time; begun all at once, as
# `swift test` alone does, the latter miss their limits on a slow machine.
test: bootstrap guests ## Run the tests
	swift test $(CHECKED) --experimental-maximum-parallelization-width 4 $(ARGS)

demo: build guests ## Show it at work; ARGS=--keep leaves it running
	scripts/demo $(ARGS)

# Whole clusters in virtual time: make simulate SEEDS=1000 NODES=50 FIRST=1
SEEDS ?= 200
NODES ?= 50
FIRST ?= 1

simulate: bootstrap ## Simulate clusters in virtual time, SEEDS NODES FIRST; fails on any violation
	@swift build -c release --product wasmatrix-simulate
	@.build/release/wasmatrix-simulate --seeds $(SEEDS) --nodes $(NODES) --first $(FIRST) $(ARGS)

bench-placement: ## Measure placement decisions beside a C scan: make bench-placement ARGS=--quick
	@swift build -c release --package-path Benchmarks --product bench-placement
	@Benchmarks/.build/release/bench-placement $(ARGS)

bench-events: bootstrap guests ## Measure events and state: make bench-events ARGS="--quick"
	@swift build -c release --package-path Benchmarks --product bench-events
	@Benchmarks/.build/release/bench-events --nats "$$(scripts/bench-peers nats-server)" $(ARGS)

bench-heartbeats: bootstrap ## Measure false alarms and fail-over: make bench-heartbeats ARGS="--minutes 5"
	@swift build -c release --package-path Benchmarks --product bench-heartbeats
	@Benchmarks/.build/release/bench-heartbeats $(ARGS)

# The whole takes hours: a part of it with ARGS="--parts losing --losses kill --placements 1"; all of it with few samples: ARGS=--quick
bench-fleet: build ## Measure a fleet of processes: losses, invocations, changes
	@scripts/build-bench-guests
	@swift build -c release --package-path Benchmarks --product bench-fleet
	@Benchmarks/.build/release/bench-fleet $(ARGS)

bench-sandbox: bootstrap guests ## Measure the sandbox beside a C program with the same library: make bench-sandbox ARGS="--quick"
	@scripts/build-bench-guests
	@swift build -c release --package-path Benchmarks --product bench-sandbox
	@Benchmarks/.build/release/bench-sandbox $(ARGS)

lint: ## Check the formatting and the size of files
	swift format lint --strict --recursive $(SOURCES)
	scripts/lint

format: ## Format the sources in place
	swift format --in-place --recursive $(SOURCES)

check-imports: bootstrap ## Build everything, and refuse imports that Package.swift does not declare
	swift build --build-tests $(CHECKED)

# Two minutes each of what hostile modules can reach: make fuzz MINUTES=60 ARGS="--seed 7"
MINUTES ?= 2

fuzz: bootstrap guests ## Fuzz host functions, modules and compiled modules, MINUTES each
	@swift build -c release --product wasmatrix-fuzz
	@.build/release/wasmatrix-fuzz host --minutes $(MINUTES) $(ARGS)
	@.build/release/wasmatrix-fuzz modules --minutes $(MINUTES) $(ARGS)

guests: ## Build the guest modules, Guests/build/NAME.wasm
	@scripts/build-guests

# A checkout of the public test-suite: make wasi-suite SUITE=../wasi-testsuite
SUITE ?=

wasi-suite: build ## Run all preview 1 cases of the public WASI test-suite: make wasi-suite SUITE=DIR
	scripts/wasi-suite $(SUITE)

test-processes: build guests ## Test the program as a process: kills, system calls, load, hostile input
	scripts/test-processes $(ARGS)

test-neighbour: build guests ## Test beside another release, and an upgrade to this one: make test-neighbour OTHER=REVISION|FOLDER
	scripts/test-neighbour $(OTHER) $(ARGS)

clean: ## Remove what was built (not what bootstrap brought)
	rm -rf .build Guests/build Demo/build
