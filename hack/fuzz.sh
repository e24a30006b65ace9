#!/usr/bin/env bash
# Runs every fuzz target of the module for the given time each, one after the other.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
time=${1:-60s}
grep -rlE '^func Fuzz' --include='*_test.go' proxy controllers demo hack | while read -r file; do
	grep -oE '^func Fuzz[A-Za-z0-9_]+' "$file" | while read -r _ target; do
		echo "--- $(dirname "$file") $target" >&2
		go test "./$(dirname "$file")" -run '^$' -fuzz "^$target\$" -fuzztime "$time" </dev/null
	done
done
