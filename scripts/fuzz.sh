#!/usr/bin/env bash
# Runs every fuzz target of the project for FUZZTIME (default 10s) each.
set -euo pipefail
cd "$(dirname "$0")/.."
time=${FUZZTIME:-10s}
found=0
while IFS=: read -r file target; do
  found=$((found + 1))
  echo "fuzz $target in $(dirname "$file") for $time"
  go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" -parallel 2 "./$(dirname "$file")"
done < <(git ls-files -co --exclude-standard '*_test.go' | xargs grep -oE '^func Fuzz[A-Za-z0-9_]+' | sed 's/func //')
[ "$found" -gt 0 ] || { echo "no fuzz targets were found" >&2; exit 1; }
echo "$found fuzz targets, no find"
