# make prints what there is to do. Downloads and tools are kept in ${MILVUSDM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/milvusdm}.

JOB   ?= examples/hdf5_to_milvus.yaml
BIN   ?= $(CURDIR)/bin
STATE ?= $(CURDIR)/.milvusdm
BENCH ?= .
VERSION := # what git describes
export BIN STATE VERSION

# What tests link is known when they run: make may have installed it just before.
TAGS := -tags gofaiss
GO_TEST = . scripts/lib.sh && TEMPORAL_CLI=$$(temporal_command) with_faiss go test $(TAGS) -count=1

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.PHONY: help build up run env down clean-state test test-install check bench sweep bare

help: ## what there is to do
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## bin/milvusdm and bin/milvusdm-worker
	@scripts/install.sh libraries programs

up: ## start Temporal, two Milvus servers and a worker: those that are not running
	@scripts/install.sh libraries servers programs
	@scripts/stack.sh up

run: up ## make up, then run a job: make run [JOB=examples/hdf5_to_milvus.yaml]
	@eval "$$(scripts/stack.sh env)"; exec "$(BIN)/milvusdm" run $(JOB)

env: ## print shell settings for the running stack: eval "$(make -s env)"
	@scripts/stack.sh env

down: ## flush and stop what make up started; its state is kept
	@scripts/stack.sh down

clean-state: ## stop it and forget all state
	@scripts/stack.sh clean

test: test-install ## all tests, against real servers
	$(GO_TEST) -timeout 60m ./...

test-install: ## install what make test needs
	@scripts/install.sh libraries servers peers mysql

check: ## formatting, linters, layers, workflow determinism, data races
	@scripts/install.sh libraries tools
	@scripts/check.sh $(TAGS)

bench: ## measure against bare loops and print the ratios: make bench [BENCH=Copy|Migrate|Export|Verify|Memory|Readers]
	@scripts/install.sh libraries servers
	$(GO_TEST) -timeout 2h -run '^$$' -bench '$(BENCH)' -benchtime 1x ./tests/bench

sweep: ## kill servers and worker at 100 random moments and print the tally
	@scripts/install.sh libraries servers
	$(GO_TEST) -timeout 3h -v -run '^TestSweep$$' ./tests/sweep -sweep 100

bare: ## run the first run of a new user on a minimal Debian of its own, as root and with sudo
	@scripts/bare.sh
