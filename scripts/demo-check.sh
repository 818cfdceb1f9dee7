#!/usr/bin/env bash
# Runs the demo for DEMO_FOR (default 30s) and holds its JSON to what the
# README promises.
set -euo pipefail
cd "$(dirname "$0")/.."
for=${DEMO_FOR:-30s}
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
go build -o "$out/muster" ./cmd/muster
"$out/muster" demo --listen 127.0.0.1:0 --for "$for" --volunteers "${DEMO_VOLUNTEERS:-500}" --json >"$out/demo.json"
go run ./scripts/democheck <"$out/demo.json"
