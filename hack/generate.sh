#!/usr/bin/env bash
# Makes from the Go types and their markers: the deep copies, the CRD, the API
# reference and the operator's ClusterRole, and the chart's copies of the CRD, the
# role and the policy of Leases; from the chart's schema, the table of its values;
# from hack/dashboard, the Grafana dashboard.
# CONTROLLER_GEN names the controller-gen to use (v0.23.0); it is run from its
# module where that is unset. So is crd-ref-docs (v0.3.0) where bin has none.
set -euo pipefail
cd "$(dirname "$0")/.."

gen() {
  if [[ -n ${CONTROLLER_GEN:-} ]]; then
    "$CONTROLLER_GEN" "$@"
  elif [[ -x bin/controller-gen ]]; then
    bin/controller-gen "$@"
  else
    go run sigs.k8s.io/controller-tools/cmd/controller-gen@v0.23.0 "$@"
  fi
}

gen object paths=./api/...
gen crd:maxDescLen=400 paths=./api/... output:crd:dir=config/crd/bases
gen rbac:roleName=sipring-operator paths=./controllers/... output:rbac:dir=config/rbac

reference() {
  if [[ -x bin/crd-ref-docs ]]; then
    bin/crd-ref-docs "$@"
  else
    go run github.com/elastic/crd-ref-docs@v0.3.0 "$@"
  fi
}

pages=$(mktemp -d)
trap 'rm -rf "$pages"' EXIT
reference --source-path=api --config=hack/apidocs.yaml --renderer=markdown --max-depth=10 \
  --log-level=ERROR --output-path="$pages/api.md"
{
  echo '<!-- Made by make generate from api/v1alpha1. -->'
  sed -e 's/Optional: \\{\\} <br \/>//' -e 's/Required: \\{\\} <br \/>/required/' -e 's/ <br \/> *|$/ |/' \
    -e 's/ <br \/>/, /g' -e 's/<br \/>/ /g' -e 's/[[:space:]]*$//' "$pages/api.md" | cat -s
} >docs/api.md

mkdir -p charts/sipring/files
cp config/crd/bases/sipring.io_sipclusters.yaml charts/sipring/files/crd.yaml
cp config/rbac/role.yaml config/rbac/leases.yaml charts/sipring/files/
cp config/rbac/role.yaml controllers/
go run ./hack/dashboard charts/sipring/files/dashboard.json
go run ./hack/chartdocs charts/sipring
