# Every target does all its own set-up. `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X github.com/sipring/sipring/proxy/command.Version=$(VERSION) -X github.com/sipring/sipring/controllers.Version=$(VERSION)
# Docker with BuildKit, or what takes the same words, such as podman.
IMAGE_TOOL ?= docker
IMAGE ?= ghcr.io/sipring/sipring:$(VERSION)
SEEDS ?= 2000
SEED ?= 1
FUZZTIME ?= 60s
SOURCES := $(shell find . -name '*.go' -not -path './hack/kube/*' -not -name '*_test.go' 2>/dev/null) $(wildcard page/files/*)

.PHONY: help
help: ## List the targets
	@awk -F':.*## ' '/^[a-z0-9-]+:.*## / {printf "  %-17s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

bin/sipring: go.mod go.sum $(SOURCES)
	CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o $@ .

bin/kubectl-sip: go.mod go.sum $(SOURCES)
	CGO_ENABLED=0 go build -trimpath -ldflags '-s -w -X main.Version=$(VERSION)' -o $@ ./cmd/kubectl-sip

.PHONY: build
build: bin/sipring bin/kubectl-sip ## Build bin/sipring, and bin/kubectl-sip, the plugin of kubectl

.PHONY: demo
demo: bin/sipring ## Kill a proxy on this machine and see what the phones lose (nothing)
	bin/sipring demo $(DEMO)

.PHONY: test
test: ## Unit, property, simulation and operator tests, with a real kube-apiserver
	((EUID)) || hack/tools/packages.sh hack/dashboard/packages.txt
	hack/tools/install.sh helm
	KUBEBUILDER_ASSETS="$$(hack/kube/envtest-assets.sh)" go test ./...

.PHONY: race
race: ## The same under the race detector (needs a C compiler), of the simulation one seed in each mode
	((EUID)) || hack/tools/packages.sh hack/dashboard/packages.txt
	hack/tools/install.sh helm
	KUBEBUILDER_ASSETS="$$(hack/kube/envtest-assets.sh)" CGO_ENABLED=1 go test -race $$(go list ./... | grep -v '/cluster/sim$$')
	CGO_ENABLED=1 go test -race ./proxy/cluster/sim -seeds=1

.PHONY: sim
sim: ## Simulate SEEDS random histories of a cluster, in all modes together, from seed SEED on
	go test ./proxy/cluster/sim -run '^TestSim$$' -count=1 -timeout 0 -v -total=$(SEEDS) -seed=$(SEED)

.PHONY: chaos-local
chaos-local: bin/sipring ## Kill, stop and restart five real proxies, R=2 and R=3, 5 min each; count what is lost
	go build -o bin/chaos ./hack/chaos
	bin/chaos $(CHAOS)

.PHONY: flood
flood: bin/sipring ## Attack three real proxies of 256 MiB, and see whether their phones notice (FLOOD=--quick)
	go build -o bin/flood ./hack/flood
	bin/flood $(FLOOD)

.PHONY: mutants
mutants: ## Plant known faults in the code, one at a time, and see the tests notice each (MUTANTS="-only REGEX")
	go run ./hack/mutants $(MUTANTS)

.PHONY: fuzz
fuzz: ## Fuzz everything that parses, FUZZTIME each
	hack/fuzz.sh $(FUZZTIME)

.PHONY: e2e
e2e: bin/sipring bin/kubectl-sip ## A real cluster of several nodes, phones and faults (root; or KUBECONFIG names a cluster)
	hack/e2e/run.sh

.PHONY: e2e-compare
e2e-compare: bin/sipring bin/kubectl-sip ## What Debian's Kamailio, on three nodes, loses under the same faults and calls (root)
	((EUID)) || hack/tools/packages.sh hack/bench/packages.txt
	E2E="--only compare --skip-kustomize --phones 20 --calls 10 $(E2E)" hack/e2e/run.sh

.PHONY: browser
browser: ## A browser is a phone: Chromium with SIP.js, over WSS at three proxies (root installs what is missing; npm's registry)
	((EUID)) || hack/tools/packages.sh page/packages.txt
	CI=true go test -count=1 ./hack/browser

.PHONY: softphones
softphones: ## linphone and baresip over TLS and TCP at three proxies: hold, transfer, loss of a proxy (root installs what is missing)
	((EUID)) || hack/tools/packages.sh hack/e2e/packages.txt
	CI=true SIPRING_SOFTPHONES=1 go test -count=1 -run '^TestSoftphones' ./hack/e2e

.PHONY: bench
bench: bin/sipring ## CPU per REGISTER and per call: sipring, Kamailio, a bare UDP echo (root installs what is missing)
	((EUID)) || hack/tools/packages.sh hack/bench/packages.txt
	go build -o bin/bench ./hack/bench
	bin/bench $(BENCH)

.PHONY: bench-connections
bench-connections: ## Resident memory of 10,000 idle connections over TCP, TLS, WS and WSS (CONNECTIONS="-n 2000")
	go build -o bin/connections ./hack/connections
	bin/connections $(CONNECTIONS)

.PHONY: generate
generate: ## Generate deep copies, the CRD, RBAC and docs/api.md from the types
	hack/tools/install.sh controller-gen crd-ref-docs
	hack/generate.sh

.PHONY: verify
verify: ## Generated files, formatting, modules and the chart are as committed
	hack/tools/install.sh controller-gen crd-ref-docs gofumpt helm actionlint
	hack/verify.sh

.PHONY: lint
lint: ## golangci-lint, test files included
	hack/tools/install.sh golangci-lint
	bin/golangci-lint run ./...

.PHONY: image
image: ## Build the container image with the engine at hand
	$(IMAGE_TOOL) build --build-arg VERSION=$(VERSION) -t $(IMAGE) .

.PHONY: clean
clean: ## Remove what was built
	rm -rf bin dist
