#!/usr/bin/env bash
# need.sh PROGRAM HOW: fails with one clear line where a program is missing.
set -eu
command -v "$1" >/dev/null || { echo "$1 is missing. $2" >&2; exit 1; }
