# make: the targets, one a line.

SHELL := bash
GO ?= go
LINT := $(GO) tool -modfile=tools/golangci-lint.mod golangci-lint
FUZZTIME ?= 20s

.DEFAULT_GOAL := help
.PHONY: help build packages demo test test-clients test-packages check lint vet tidy imports fuzz bench bench-compare clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build ./bin/logstow
	$(GO) build -trimpath -o bin/logstow ./cmd/logstow

packages: ## build the Debian packages, dist/logstow_VERSION_ARCH.deb
	@GO='$(GO)' bash tools/packages.sh

demo: ## archive the sample records into ./.demo, list them, print one back
	@GO='$(GO)' bash tools/demo.sh

test: ## run every test with the race detector, the S3 suite included
	@GO='$(GO)' bash tools/test.sh

test-clients: build ## test bin/logstow with real clients; needs Node.js and npm
	@bash tools/test-clients.sh

test-packages: ## install a Debian package, try it and remove it; needs root, Debian or Ubuntu
	@GO='$(GO)' bash tools/test-packages.sh

check: tidy vet imports lint test test-clients test-packages ## all that a change must pass

lint: ## golangci-lint, pinned by tools/golangci-lint.mod
	$(LINT) run --allow-parallel-runners ./...

vet: ## go vet
	$(GO) vet ./...

tidy: ## see that go.mod and go.sum say what is used
	$(GO) mod tidy -diff

imports: ## see that packages import only what the table allows
	$(GO) test -run '^TestImports' ./cmd/logstow

fuzz: ## run each fuzz target for FUZZTIME (20s)
	@GO='$(GO)' bash tools/fuzz.sh $(FUZZTIME)

bench: build ## measure archiving: objects/s, CPU and memory (BENCH='-quick' and such)
	$(GO) build -trimpath -o bin/bench ./cmd/bench
	bin/bench $(BENCH)

# Later flags win, so BENCH='-only …' still chooses.
COMPARED := null,sdk,own,bento,redpanda-connect,s5cmd,rclone,latency,latency-sdk,latency-own,latency-bento,latency-s5cmd,latency-rclone,rerun,dir,tree,compact,gzip,duckdb,duckdb-folder,lookup,duckdb-lookup

bench-compare: build ## by turns with Bento, s5cmd, rclone and DuckDB, those that are installed
	$(GO) build -trimpath -o bin/bench ./cmd/bench
	bin/bench -compare -only $(COMPARED) $(BENCH)

clean: ## remove what was built
	rm -rf bin dist .demo .bench
