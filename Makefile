# make test   everything a change must pass; installs what it needs where it can
# make check  the quick half: format, lints, unit tests
# make bench  the gateway against nginx, one table (QUICK=1: under a minute); micro-benches of engine and translation
# make setup  what `make test` needs beyond Rust, Python and Node; does nothing the second time

CARGO ?= cargo
# Lock files decide every version.
LOCKED := --locked

.DEFAULT_GOAL := help
.PHONY: help setup lint unit check test bench clean

help:
	@sed -n 's/^# \(make .*\)/\1/p' Makefile

setup:
	@bash .ci/setup test

lint:
	$(CARGO) fmt --all --check
	$(CARGO) clippy $(LOCKED) --workspace --all-targets -- -D warnings

unit:
	$(CARGO) test $(LOCKED) --workspace --lib --bins

check: lint unit

test: setup lint
	$(CARGO) test $(LOCKED) --workspace

# The profile that ships is the one that is measured.
bench:
	@bash .ci/setup bench
	$(CARGO) bench $(LOCKED) --profile dist --bench overhead -- $(if $(QUICK),--quick)
	$(CARGO) bench $(LOCKED) --profile dist --bench engine -- $(if $(QUICK),--quick)
	$(CARGO) bench $(LOCKED) --profile dist --bench translate -- $(if $(QUICK),--quick)

clean:
	$(CARGO) clean
	rm -rf .venv tests/sdk/node/node_modules tests/dashboard/node_modules
