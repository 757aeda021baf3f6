# make prints what there is to do. Downloads and tools are kept in ${MILVUSDM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/milvusdm}.

JOB   ?= examples/hdf5_to_milvus.yaml
BIN   ?= bin
STATE ?= $(CURDIR)/.milvusdm
BENCH ?= .
export STATE

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -X milvusdm/internal/version.Version=$(VERSION)

# go-faiss, which opens the rarer Faiss indexes, needs Faiss's C API.
TAGS := -tags gofaiss
export CGO_LDFLAGS = -O2 -g -L$(shell . scripts/lib.sh && faiss_c_dir)

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.PHONY: help build up run env down clean-state test check bench sweep

help: ## what there is to do
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## bin/milvusdm and bin/milvusdm-worker
	@scripts/install.sh libraries
	@CGO_ENABLED=0 go build -ldflags '$(LDFLAGS)' -o $(BIN)/milvusdm ./starter
	@go build $(TAGS) -ldflags '$(LDFLAGS)' -o $(BIN)/milvusdm-worker ./worker

up: build ## start Temporal, two Milvus servers and a worker: those that are not running
	@scripts/install.sh servers
	@scripts/stack.sh up

run: up ## make up, then run a job: make run [JOB=examples/hdf5_to_milvus.yaml]
	@eval "$$(scripts/stack.sh env)"; exec $(BIN)/milvusdm run $(JOB)

env: ## print shell settings for the running stack: eval "$(make -s env)"
	@scripts/stack.sh env

down: ## stop what make up started; its state is kept
	@scripts/stack.sh down

clean-state: ## stop it and forget all state
	@scripts/stack.sh clean

test: ## all tests, against real servers
	@scripts/install.sh libraries servers peers mysql
	TEMPORAL_CLI=$$(. scripts/lib.sh && temporal_command) go test $(TAGS) -count=1 -timeout 45m ./...

check: ## formatting, linters, layers, workflow determinism, data races
	@scripts/install.sh libraries tools
	@scripts/check.sh $(TAGS)

bench: ## measure against bare loops and print the ratios: make bench [BENCH=Copy|Migrate|Export|Verify|Memory|Readers]
	@scripts/install.sh libraries servers
	go test $(TAGS) -count=1 -timeout 2h -run '^$$' -bench '$(BENCH)' -benchtime 1x ./tests/bench

sweep: ## kill servers and worker at 100 random moments and print the tally
	@scripts/install.sh libraries servers
	go test $(TAGS) -count=1 -timeout 3h -v -run '^TestSweep$$' ./tests/sweep -sweep 100
