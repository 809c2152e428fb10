#!/bin/sh
# The whole suite with gcc and clang at -O0 to -O3, and with 3, 5 and 7 threads, each in a build folder that goes afterwards.
set -eu
cd "$(dirname "$0")/.."
export OMP_WAIT_POLICY=passive
check()
{
    folder=$(mktemp -d)
    echo "check-builds: $*, ${OMP_NUM_THREADS:-all} threads"
    env CC="$1" meson setup "$folder" --optimization "$2" -Dwerror=false >/dev/null
    ninja -C "$folder" >/dev/null
    meson test -C "$folder" --no-rebuild --timeout-multiplier 10 --quiet
    rm -rf "$folder"
}
for compiler in gcc clang; do
    for level in 0 1 2 3; do
        check "$compiler" "$level"
    done
done
for threads in 3 5 7; do
    OMP_NUM_THREADS=$threads check gcc 3
done
