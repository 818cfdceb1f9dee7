#!/usr/bin/env bash
# Kills the demo with SIGKILL at random moments and verifies what is left: every
# acknowledged action is in the ledger once, and boards equal the ledger.
# ROUNDS (default 10) rounds; round 2 goes on with round 1's folder; the last
# round dies only after LONG (default 85) seconds, when the sweep has moved its
# watermark and written checkpoints. At the end an invented id must be found out.
set -euo pipefail
cd "$(dirname "$0")/.."
rounds=${ROUNDS:-10}
long=${LONG:-85}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
go build -o "$work/muster" ./cmd/muster

verify() { "$work/muster" verify boards --data "$1" --journal "$2" >"$work/verify.txt" 2>"$work/verify.err"; }

for round in $(seq "$rounds"); do
  folder=$work/d$round
  [ "$round" -ne 2 ] || folder=$work/d1
  journal=$folder.journal
  "$work/muster" demo --listen 127.0.0.1:0 --volunteers "${VOLUNTEERS:-4000}" --seed "$round" --speed 50000 \
    --data "$folder" --journal "$journal" >"$work/demo.out" 2>"$work/demo.err" &
  pid=$!
  if [ "$round" -eq "$rounds" ] && [ "$long" -gt 0 ]; then wait=$long; else wait=$((2 + RANDOM % 10)).$((RANDOM % 10)); fi
  sleep "$wait"
  if ! kill -KILL "$pid" 2>/dev/null; then
    echo "round $round: the demo had ended by itself:"; tail -5 "$work/demo.err"; exit 1
  fi
  wait "$pid" 2>/dev/null || true
  touch "$journal"
  if ! verify "$folder" "$journal"; then
    echo "round $round (killed after $wait s): NOT EQUAL"; cat "$work/verify.txt" "$work/verify.err"; exit 1
  fi
  echo "round $round: killed after $wait s, $(wc -l <"$journal") acknowledged, $(tail -1 "$work/verify.txt")"
done

echo '{"id":"invented-by-the-check","answer":"recorded"}' >>"$journal"
status=0
verify "$folder" "$journal" || status=$?
[ "$status" -eq 1 ] || { echo "an invented id in the journal was not found out (exit $status)"; exit 1; }
echo "an invented id was found out"
