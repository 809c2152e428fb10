#!/bin/sh
# The longest files and functions, to be looked at: a long one may hold a second idea. Nothing is enforced.
set -eu
cd "$(dirname "$0")/.."
echo "lines  file"
git ls-files 'src/*.[ch]' 'cli/*.[ch]' 'include/*.h' | xargs wc -l | grep -v ' total$' | sort -rn | head -n 15
echo
echo "lines  function"
git ls-files 'src/*.c' 'cli/*.c' | xargs awk '
    /^[a-z].*\($/ || /^[a-z][^;=]*\)?$/ { head = $0 }
    /^{/ { start = FNR }
    /^}/ { if (start) printf "%5d  %s: %s\n", FNR - start + 1, FILENAME, head; start = 0 }' | sort -rn | head -n 20
