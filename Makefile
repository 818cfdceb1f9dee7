# Targets for people who work on Muster. Users need none of them: see README.md.
SHELL := /bin/bash
GOLANGCI := v2.6.2

.PHONY: test lint race fuzz test-browser servers servers-stop test-servers test-servers-faults test-faults test-histories test-realdata demo-check bench

test: ## everything that needs Go alone
	go test ./...

lint: ## formatting, vet and the linters of .golangci.yml
	@command -v golangci-lint >/dev/null || go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI)
	PATH="$$PATH:$$(go env GOPATH)/bin" golangci-lint run

race: ## the suite under the race detector
	go test -race -p 1 ./...

fuzz: ## every fuzz target for FUZZTIME (default 10s) each
	scripts/fuzz.sh

test-browser: ## pages in a real headless Chromium
	scripts/need.sh chromium "Debian: apt-get install chromium"
	go test -tags browser -count 1 ./internal/browser/...

servers: ## FerretDB, Redis, a replica and a Redis Cluster on free ports, for tests
	scripts/servers.sh start

servers-stop: ## ends what make servers started
	scripts/servers.sh stop

test-servers: ## the suites, the end-to-end tests and the faults that need them on real servers, started for them and ended after them
	scripts/test-servers.sh ./store/... ./leaderboard/... ./realtime/... ./push/... ./internal/... ./domain/points/...

test-servers-faults: ## the faults on real servers alone, all rounds; writes their table in docs/reliability.md
	FAULT_TABLE=$(CURDIR)/docs/reliability.md scripts/test-servers.sh -faults

test-histories: ## 3,000 random histories of the boards' scheme
	MUSTER_HISTORIES=3000 go test -count 1 -run 'History' ./leaderboard/

test-realdata: ## imports of the real files; DATA is their folder
	DATA=$${DATA:-$$(pwd)/../shared/data} go test -tags realdata -count 1 ./domain/campaign/... ./internal/...

demo-check: ## a 30 s demo whose JSON is checked
	scripts/demo-check.sh

test-faults: ## the real binary under faults; needs redis-server and root. FAULT_ROUNDS bounds it; without, it writes the table of docs/reliability.md
	scripts/need.sh redis-server "Debian: apt-get install redis-server"
	FAULT_TABLE=$(CURDIR)/docs/reliability.md go test -tags fault -count 1 -timeout 40m -v ./internal/faults/
