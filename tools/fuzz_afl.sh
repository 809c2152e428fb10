#!/bin/sh
# usage: fuzz_afl.sh SECONDS: AFL++ on the ONNX reader: libFuzzer's target and corpus, thousands of inputs a process.
set -eu
cd "$(dirname "$0")/.."
if ! command -v afl-fuzz >/dev/null || ! command -v afl-clang-fast >/dev/null; then
    echo "fuzz: needs AFL++: apt-get install afl++ libclang-rt-dev libomp-dev" >&2
    exit 1
fi
export AFL_QUIET=1
[ -f build-afl/build.ninja ] || CC=afl-clang-fast meson setup build-afl -Dfuzzing=true -Dwerror=false --buildtype=debugoptimized
ninja -C build-afl fuzz/fuzz_onnx
# What was found before is where it goes on.
[ -d build-afl/found/default/queue ] && corpus=- || corpus=fuzz/corpus/onnx
OMP_WAIT_POLICY=passive AFL_NO_UI=1 AFL_SKIP_CPUFREQ=1 AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES=1 AFL_NO_AFFINITY=1 \
    ASAN_OPTIONS=abort_on_error=1:symbolize=0:detect_leaks=0:allocator_may_return_null=1 UBSAN_OPTIONS=halt_on_error=1:abort_on_error=1:symbolize=0 \
    afl-fuzz -V "$1" -m none -t 2000 -i "$corpus" -o build-afl/found -- build-afl/fuzz/fuzz_onnx
grep -E 'execs_done|saved_crashes|saved_hangs|edges_found' build-afl/found/default/fuzzer_stats
