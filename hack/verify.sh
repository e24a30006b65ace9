#!/usr/bin/env bash
# Fails when something generated, formatted or rendered differs from what is committed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

fail() { echo "verify: $*" >&2; exit 1; }

go mod tidy -diff >/dev/null || fail "go.mod is not tidy: run go mod tidy"
unformatted=$(git ls-files '*.go' | grep -v zz_generated | xargs bin/gofumpt -l)
[[ -z $unformatted ]] || fail "run bin/gofumpt -w on:"$'\n'"$unformatted"

made=(api config charts controllers/role.yaml docs/api.md)
before=$(git status --porcelain -- "${made[@]}"; git diff -- "${made[@]}")
hack/generate.sh
after=$(git status --porcelain -- "${made[@]}"; git diff -- "${made[@]}")
[[ $before == "$after" ]] || fail "generated files differ: run make generate"

bin/helm lint --strict charts/sipring >/dev/null || fail "the chart does not pass helm lint"
bin/helm template sipring charts/sipring --namespace sipring-system >/dev/null || fail "the chart does not render"
go vet ./... || fail "go vet"
bin/actionlint -shellcheck= -pyflakes= || fail "a workflow"
for script in hack/*.sh hack/*/*.sh .ci/run; do bash -n "$script" || fail "$script"; done
echo "verify: ok"
