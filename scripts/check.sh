#!/usr/bin/env bash
# check.sh [GO BUILD FLAGS] runs what can be said about the code without a server. It prints what is wrong, and one line
# for each step.
source "$(dirname "$0")/lib.sh"
cd "$root"

failed=()
step() { # DESCRIPTION COMMAND...
  local what=$1 start=$SECONDS verdict=ok
  shift
  "$@" || { verdict=FAIL; failed+=("$what"); }
  say "$verdict  $what ($((SECONDS - start)) s)"
}

formatted() {
  local files
  files=$(git ls-files -z --cached --others --exclude-standard '*.go' | xargs -0r ls -d 2>/dev/null | xargs -r gofmt -l)
  [ -z "$files" ] || { say "$files"; return 1; }
}

# The starter runs where no C library is, and no connector may slip into it by way of another package.
starter_without_cgo() {
  local linked
  CGO_ENABLED=0 go build -o /dev/null ./starter || return
  linked=$(go list -deps ./starter | grep -xE 'milvusdm/internal/(milvus|milvus1|hdf5|faiss|gofaiss)(/.*)?' || true)
  [ -z "$linked" ] || { say "the starter links $linked"; return 1; }
}

# Of each finding, the call in our code and what is wrong with it; the rest goes down into Go's runtime.
deterministic() { with_faiss "$(workflowcheck)" ./workflows/... 2>&1 | sed '/^ \{6\}/d' >&2; }

step "gofmt" formatted
step "go vet" with_faiss go vet "$@" ./...
step "golangci-lint" with_faiss "$(golangci_lint)" run --build-tags gofaiss ./...
step "starter builds without cgo, without connectors" starter_without_cgo
step "workflowcheck" deterministic
step "go test -race -short" with_faiss go test -race -short "$@" ./...

[ ${#failed[@]} = 0 ] || die "$(printf '%s failed; ' "${failed[@]}" | sed 's/; $//')"
