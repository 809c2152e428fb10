#!/bin/sh
# refold against PyTorch on this machine, and how its cost grows: writes bench/RESULTS.md and bench/growth.csv in some ten
# minutes. Everything else that runs meanwhile shows in the numbers.
#
# usage: bench/run.sh [--quick] [--refold PROGRAM] [--output DIR] [--minutes N]
set -eu
cd "$(dirname "$0")/.."

# The peer gets a tuned allocator where there is one.
for library in jemalloc tcmalloc_minimal; do
    found=$(ldconfig -p 2>/dev/null | sed -n "s|.*lib$library\.so.* => ||p" | head -n 1)
    if [ -n "$found" ]; then
        export PEER_ALLOCATOR="$found"
        break
    fi
done
exec python3 bench/run.py "$@"
