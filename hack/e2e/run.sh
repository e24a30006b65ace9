#!/usr/bin/env bash
# Prepares all that the end-to-end test needs and runs it; arguments are its own.
# See `go run ./hack/e2e --help`. E2E="--only sigkill" reaches it through make.
set -euo pipefail
# Nothing here needs C: with cgo, Go would look for a compiler.
export CGO_ENABLED=0
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

hack/tools/packages.sh hack/e2e/packages.txt
if [[ -z ${KUBECONFIG:-} ]]; then
	hack/tools/packages.sh hack/kube/packages.txt
	hack/kube/assets.sh >/dev/null
fi
hack/tools/install.sh helm
[[ -x bin/sipring ]] || make bin/sipring
[[ -x bin/kubectl-sip ]] || make bin/kubectl-sip

# Built rather than "go run", which does not pass signals on: Ctrl-C must reach
# the program that takes the cluster down.
mkdir -p bin
go build -o bin/e2e ./hack/e2e
go build -o bin/echo ./hack/echo
go test -c -o bin/browser.test ./hack/browser
# shellcheck disable=SC2086 # E2E holds several words
exec bin/e2e "$@" ${E2E:-}
