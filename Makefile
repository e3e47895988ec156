# `make` alone says what there is.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help demo test check fmt fuzz bench sim torture

lint := go tool -modfile=tools/go.mod golangci-lint

help: # this page
	@sed -n 's/^\([a-z]*\):[^#]*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

demo: ## a merchant, a packet and its link on this machine; ARGS='--listen :8080' and the like
	@go run ./cmd/hongbao demo $(ARGS)

test: check ## everything, check included; installs what it needs
	@tools/deps
	@go test -race -shuffle=on -cover -timeout 12m ./... | awk -f tools/floors.awk
	@HONGBAO_TEST_STORE=postgres go test -race -shuffle=on -timeout 12m ./internal/engine
	@HONGBAO_TEST_STORE=postgres HONGBAO_TEST_SCOPE=packet go test -race -shuffle=on -timeout 12m ./internal/engine ./internal/payout ./internal/server/...

check: ## format, vet, lint, architecture; before every commit
	@$(lint) fmt --diff
	@go vet ./...
	@$(lint) run
	@go test ./internal/archtest

fmt: ## formats the sources
	@$(lint) fmt

fuzz: ## every fuzz target for FUZZTIME (1m) each
	@grep -rEo --include='*_test.go' '^func Fuzz\w+' . | while IFS=: read -r file func; do \
		go test -run '^$$' -fuzz "^$${func#func }$$" -fuzztime $(or $(FUZZTIME),1m) "$$(dirname "$$file")"; \
	done

sim: ## SEEDS (10000) lives of the whole product, then the bugs planted in it (docs/simulation.md)
	@go test -count 1 -timeout 30m -v -run '^TestLives' ./internal/sim -args -seeds $(or $(SEEDS),10000)
	@go test -count 1 -timeout 30m -v -run '^TestPlanted' ./internal/sim -args -planted $(or $(PLANTED),5000)

torture: ## kill -9 and worse, in full counts (docs/crash-tests.md); at most 30 minutes
	@tools/deps
	@HONGBAO_KILLS=$(or $(KILLS),200) HONGBAO_CALLS=$(or $(CALLS),100000) HONGBAO_FAULTS=$(or $(FAULTS),100) go test -count 1 -timeout 30m -v ./internal/crash
	@HONGBAO_CUTS=$(or $(CUTS),20000) go test -count 1 -timeout 30m -run 'ALog|DamagedLog' ./internal/store/sqlite

bench: ## what a signed request costs, beside the standard library's XML, in one run
	@go test -run '^$$' -bench . -benchmem -count $(or $(COUNT),5) ./bench/wire
