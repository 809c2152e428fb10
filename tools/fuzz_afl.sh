#!/bin/sh
# usage: fuzz_afl.sh SECONDS: AFL++ on the ONNX reader, from the corpus of libFuzzer's target.
set -eu
cd "$(dirname "$0")/.."
if ! command -v afl-fuzz >/dev/null || ! command -v afl-clang-fast >/dev/null; then
    echo "fuzz: needs AFL++: apt-get install afl++ libomp-14-dev" >&2
    exit 1
fi
[ -f build-afl/build.ninja ] || AFL_QUIET=1 CC=afl-clang-fast meson setup build-afl -Dwerror=false --buildtype=debugoptimized
AFL_QUIET=1 ninja -C build-afl fuzz/fuzz_onnx
OMP_WAIT_POLICY=passive AFL_NO_UI=1 AFL_SKIP_CPUFREQ=1 AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES=1 AFL_NO_AFFINITY=1 \
    afl-fuzz -V "$1" -m none -t 2000 -i fuzz/corpus/onnx -o build-afl/found -- build-afl/fuzz/fuzz_onnx @@
grep -E 'execs_done|saved_crashes|saved_hangs|edges_found' build-afl/found/default/fuzzer_stats
