#!/usr/bin/env bash
# Runs every fuzz test of the module for a time: fuzz.sh [DURATION]
set -euo pipefail
cd "$(dirname "$0")/.."
time=${1:-5s}
count=0
for dir in $(grep -rlE '^func Fuzz[A-Z]' --include='*_test.go' . | grep -v node_modules | xargs -n1 dirname | sort -u); do
  for name in $(grep -hoE '^func Fuzz[A-Za-z0-9_]+' "$dir"/*_test.go | sed 's/^func //'); do
    echo "fuzz $dir $name for $time"
    go test "$dir" -run '^$' -fuzz "^$name\$" -fuzztime "$time" -fuzzminimizetime 1s >/tmp/fuzz.$$ 2>&1 || { cat /tmp/fuzz.$$; rm -f /tmp/fuzz.$$; exit 1; }
    count=$((count + 1))
  done
done
rm -f /tmp/fuzz.$$
echo "$count fuzz tests, no findings"
