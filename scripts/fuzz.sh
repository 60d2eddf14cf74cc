#!/usr/bin/env bash
# Runs every fuzz test of the module for a time: fuzz.sh [DURATION]
set -euo pipefail
cd "$(dirname "$0")/.."
time=${1:-5s}
count=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT
for dir in $(grep -rlE '^func Fuzz[A-Z]' --include='*_test.go' . | grep -v node_modules | xargs -n1 dirname | sort -u); do
  for name in $(grep -hoE '^func Fuzz[A-Za-z0-9_]+' "$dir"/*_test.go | sed 's/^func //'); do
    echo "fuzz $dir $name for $time"
    if ! go test "$dir" -run '^$' -fuzz "^$name\$" -fuzztime "$time" -fuzzminimizetime 1s >"$log" 2>&1; then
      # Go's fuzzer may end its time in the middle of an input and then calls that a
      # failure. Without a failing input it is none.
      if ! grep -q 'context deadline exceeded' "$log" || grep -q 'Failing input' "$log"; then
        cat "$log"
        exit 1
      fi
    fi
    count=$((count + 1))
  done
done
echo "$count fuzz tests, no findings"
