# Every target does its own set-up on a fresh machine.

export GOFLAGS = -tags=duckdb_arrow

.PHONY: build demo test screenshots lint bench

build: ## bin/penstock
	@scripts/need go cc
	@go build -o bin/penstock ./cmd/penstock

demo: build ## the whole platform at work; make demo ARGS=--exit ends by itself
	@bin/penstock demo $(ARGS)

test: ## all tests, with the servers they need
	@scripts/test

screenshots: build ## pictures of every page, in a fresh folder or in PICTURES=DIR
	@scripts/need chromium node npm
	@scripts/screenshots "$(abspath bin/penstock)" $(PICTURES)

lint: ## formatting, vet, staticcheck, tidy go.mod
	@scripts/need go cc
	@scripts/lint

bench: build ## loads, merges and verification beside peers, on this machine
	@scripts/need psql postgres wrk
	@go run ./internal/bench $(ARGS)
