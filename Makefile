# Every target does its own set-up on a fresh machine.

export GOFLAGS = -tags=duckdb_arrow

.PHONY: build demo test lint bench bench-peers bench-api soak fuzz-api e2e-clients e2e-plugins e2e-terraform screenshots

build: ## bin/penstock
	@scripts/need go cc
	@go build -o bin/penstock ./cmd/penstock

demo: build ## the whole platform at work; make demo ARGS=--exit ends by itself
	@bin/penstock demo $(ARGS)

test: ## all tests, with the servers they need
	@scripts/test

screenshots: build ## pictures of every page, in a fresh folder or in PICTURES=DIR
	@scripts/need chromium node
	@scripts/screenshots "$(abspath bin/penstock)" $(PICTURES)

lint: ## formatting, vet, staticcheck, tidy go.mod
	@scripts/need go cc
	@scripts/lint

bench: build ## loads, merges and verification beside peers, on this machine
	@scripts/need psql postgres wrk
	@go run ./internal/bench $(ARGS)

bench-peers: build ## the same loads and changes through Penstock and through what else is on this machine
	@scripts/need psql postgres
	@go run ./internal/bench -peers $(ARGS)

soak: ## connections that stay on, through kills, crashes and DDL, and syncs that are killed; make soak MINUTES=60 KILLS=200
	@PENSTOCK_SOAK_MINUTES=$(or $(MINUTES),20) PENSTOCK_TEST_FORMAT=standard-verbose scripts/test -timeout 25h -run '^(TestSoak|TestKilledAtRandom)$$' ./cmd/penstock -kills $(or $(KILLS),100)

bench-api: build ## what requests cost the server, and its memory under very many
	@scripts/need wrk
	@go run ./internal/bench -run api $(ARGS)
	@go test -run '^$$' -bench 'Details|List' -benchtime 3s ./internal/api

fuzz-api: ## 2,000 odd requests of every API operation; make fuzz-api ARGS="-cases 100 -seed 7"
	@go test -count=1 -timeout 2h -run 'TestFuzz$$' -v ./internal/api -cases 2000 $(ARGS)

e2e-clients: ## Fivetran's own end-to-end suite, and what its other clients send, against a server; part of make test
	@scripts/need go cc
	@go test ./cmd/penstock -count=1 -v -run '^TestClient'

e2e-plugins: build ## Airflow's and Dagster's plug-ins for Fivetran against a server; downloads 500 MB, once
	@scripts/e2e-plugins

e2e-terraform: build ## Fivetran's Terraform provider; make e2e-terraform ARGS=DIR, a checkout of it
	@scripts/e2e-terraform $(ARGS)
