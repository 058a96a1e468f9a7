# Every target does its own set-up on a fresh machine.

export GOFLAGS = -tags=duckdb_arrow

.PHONY: build demo test lint bench bench-peers soak

build: ## bin/penstock
	@scripts/need go cc
	@go build -o bin/penstock ./cmd/penstock

demo: build ## the whole platform at work; make demo ARGS=--exit ends by itself
	@bin/penstock demo $(ARGS)

test: ## all tests, with the servers they need
	@scripts/test

lint: ## formatting, vet, staticcheck, tidy go.mod
	@scripts/need go cc
	@scripts/lint

bench: build ## loads, merges and verification beside peers, on this machine
	@scripts/need psql postgres wrk
	@go run ./internal/bench $(ARGS)

bench-peers: build ## the same loads and changes through Penstock and through what else is on this machine
	@scripts/need psql postgres
	@go run ./internal/bench -peers $(ARGS)

soak: ## connections that stay on, through kills, crashes and DDL; make soak MINUTES=60
	@PENSTOCK_SOAK_MINUTES=$(or $(MINUTES),20) PENSTOCK_TEST_FORMAT=standard-verbose scripts/test -timeout 25h -run '^TestSoak$$' ./cmd/penstock
