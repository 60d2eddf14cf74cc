# bpfls. `make demo` shows what it does, `make test` runs every test.
# Both install what they need on Debian or Ubuntu when run as root; otherwise they say what to install.

GO ?= go
FUZZTIME ?= 5s
VSCODE := editors/vscode
comma := ,
# A run on one program lives in a few megabytes: its heap starts where huge pages do, and
# needs no marks for a collector that hardly runs (docs/performance.md).
LEAN := $(if $(filter go1.26%,$(shell $(GO) env GOVERSION)),norandomizedheapbase64$(comma)nogreenteagc)
SOURCES = $(shell git ls-files '*.go' go.mod go.sum 2>/dev/null)

.PHONY: demo
demo: ## Build bpfls and verify the examples.
	@bash scripts/tools.sh demo
	@$(MAKE) --no-print-directory bin/bpfls
	@echo
	@bin/bpfls verify examples/*.c; status=$$?; test $$status -le 1 || exit $$status

.PHONY: test
test: ## Run every test.
	@bash scripts/tools.sh test
	@$(MAKE) --no-print-directory lint cross test-go soundness fuzz test-vscode

.PHONY: build
build: bin/bpfls ## Build bpfls and its servers into bin/.

bin/bpfls: $(SOURCES) # and bin/bpfls-server
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/ ./cmd/bpfls-server
	CGO_ENABLED=0 GOEXPERIMENT=$(LEAN) $(GO) build -trimpath -o bin/ ./cmd/bpfls

.PHONY: lint
lint: ## Format, vet, staticcheck.
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); test -z "$$unformatted" || { echo "gofmt: $$unformatted"; exit 1; }
	$(GO) vet ./...
	$(GO) tool staticcheck ./...

.PHONY: test-go
test-go: ## The Go tests. They need clang-19 and, for tables of verdicts, ../shared.
	$(GO) test -timeout 30m ./...

SOUNDNESS = $(GO) test ./soundness -count=1 -timeout 0 -v

.PHONY: soundness
soundness: ## 20,000 generated programs, and real ones with mutants, run against their states.
	$(SOUNDNESS) -run 'TestSoundness' -soundness.programs 20000 -soundness.steps 10000000 -soundness.mutants 6 -soundness.table

.PHONY: soak
soak: ## The same with a billion steps; SEED=n starts elsewhere.
	$(SOUNDNESS) -run 'TestSoundness$$' -soundness.programs 50000 -soundness.steps 1000000000 -soundness.seed $(or $(SEED),1000000) -soundness.progress 30s

.PHONY: mutants
mutants: ## Plant bugs in the verifier; the soundness tests must find them.
	$(SOUNDNESS) -run TestPlantedBugs -soundness.plant

.PHONY: features
features: ## Switch each feature of the language server off; its tests must fail.
	$(GO) test ./lsp -tags harness -count=1 -v -parallel 3 -timeout 30m -run TestFeatures -features

.PHONY: cross
cross: ## Build for every platform, without cgo.
	@for os in windows darwin linux; do for arch in amd64 arm64; do \
	  echo "build $$os/$$arch"; CGO_ENABLED=0 GOOS=$$os GOARCH=$$arch $(GO) build -o /dev/null ./cmd/... || exit 1; done; done

.PHONY: fuzz
fuzz: ## Every fuzz test for FUZZTIME.
	@bash scripts/fuzz.sh $(FUZZTIME)

.PHONY: vscode
vscode: bin/bpfls ## Package the VS Code extension with bpfls inside.
	cd $(VSCODE) && npm ci --no-audit --no-fund --ignore-scripts && npm run --silent check
	mkdir -p $(VSCODE)/bin && cp bin/bpfls bin/bpfls-server $(VSCODE)/bin/
	cd $(VSCODE) && npm run --silent package

.PHONY: test-vscode
test-vscode: vscode ## The extension in the real workbench.
	bash $(VSCODE)/e2e/setup.sh
	cd $(VSCODE)/e2e && npm test --silent

.PHONY: picture
picture: test-vscode ## Renew the picture in the README.
	cp build/e2e/vscode.png docs/vscode.png

.PHONY: golden
golden: ## Write the golden files anew; look at the difference before you commit it.
	$(GO) test $$(git grep -lE 'flag.Bool\("update"' -- '*_test.go' | xargs -n1 dirname | sort -u | sed 's,^,./,') -update

.PHONY: bench-corpus
bench-corpus: bin/bpfls ## CPU time and memory over ../shared/corpus; PREVAIL=path compares with a PREVAIL v0.2.6.
	@mkdir -p build && $(GO) build -o build/bench-corpus ./bench/corpus
	@build/bench-corpus $(if $(PREVAIL),-prevail '$(PREVAIL)') $(BENCHFLAGS)

.PHONY: bench-lsp
bench-lsp: bin/bpfls ## The language server: saves beside a plain clang, hovers, memory.
	@mkdir -p build && $(GO) build -o build/bench-lsp ./bench/save
	@build/bench-lsp $(BENCHFLAGS)

.PHONY: explain-stats
explain-stats: ## What findings tell over ../shared: places, C names, how much they underline.
	@mkdir -p build && $(GO) build -o build/explain-stats ./bench/explain
	@build/explain-stats $(EXPLAINFLAGS)

.PHONY: scale
scale: ## CPU time and memory of programs of growing size, drawn into docs/scale.svg.
	@mkdir -p build && $(GO) build -o build/scale ./bench/scale
	@build/scale -svg docs/scale.svg $(SCALEFLAGS)

.PHONY: differential
differential: ## Judge 3,000 fresh programs with bpfls and with the PREVAIL v0.2.6 of PREVAIL=path.
	@mkdir -p build && $(GO) build -o build/differential ./bench/differential
	@build/differential -prevail '$(PREVAIL)' $(DIFFERENTIALFLAGS)

.PHONY: clean
clean:
	rm -rf bin build $(VSCODE)/bin $(VSCODE)/out $(VSCODE)/*.vsix

.PHONY: help
help:
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14
