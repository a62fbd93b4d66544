# Entry points for people. Anything longer than a line lives in script/ or demo/.

SHELL := /bin/bash
.DEFAULT_GOAL := help
CARGO_TARGET_DIR ?= $(CURDIR)/target
export CARGO_TARGET_DIR
BINARY := $(CARGO_TARGET_DIR)/debug/mitoshi

.PHONY: help demo demo-slow demo-denied demo-ok demo-stop demo-status console build test test-rust test-console test-api test-story lint bench run

help: ## what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | column -t -s "$$(printf '\t')"

demo: build ## build everything, start Mitoshi and the sample application, leave them running
	@python3 demo/demo.py up --mitoshi $(BINARY)

demo-slow: ## redeploy Backend #2 with a release that takes five seconds
	@python3 demo/demo.py slow

demo-denied: ## take the backends' permission to write to DynamoDB away
	@python3 demo/demo.py denied

demo-ok: ## repair both
	@python3 demo/demo.py ok

demo-stop: ## end exactly what `make demo` started; its data stays
	@python3 demo/demo.py stop

demo-status: ## what of the demo runs
	@python3 demo/demo.py status

console: ## build the console into web/dist
	@script/console

build: console ## build console and binary
	@script/build

run: build ## run the server in the foreground, data in ./mitoshi-data
	@$(BINARY) serve

test: ## everything that must hold
	@script/test

test-rust: ## unit, property and model tests of the crates
	@script/test rust

test-console: ## the console's own tests
	@script/test console

test-api: ## black-box tests: the real binary, boto3 and the AWS CLI
	@script/test api

test-story: ## the reference story in a real browser
	@script/test story

lint: ## formatting and clippy
	@cargo fmt --all --check
	@cargo clippy --workspace --all-targets --quiet -- -D warnings

bench: console ## measure a release build; prints the table of docs/performance.md
	@cargo build --release -p server -p benches
	@$(CARGO_TARGET_DIR)/release/bench --server $(CARGO_TARGET_DIR)/release/mitoshi --dir $(CARGO_TARGET_DIR)/bench-data
