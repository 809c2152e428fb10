#!/bin/sh
# usage: fuzz.sh SECONDS [TARGET...]: run libFuzzer on each reader for that long, with the address and undefined-behaviour
# sanitizers. What is found lies in build-fuzz/found; a reader that stops leaves a crash-* file there and exit code 1.
set -eu
cd "$(dirname "$0")/.."
seconds=$1
shift
if ! printf 'int LLVMFuzzerTestOneInput(const unsigned char *d, unsigned long n) { return d && n > 9; }' |
    ${CLANG:-clang} -fsanitize=fuzzer -x c - -o /dev/null 2>/dev/null; then
    echo "fuzz: needs clang with libFuzzer and OpenMP: apt-get install clang libclang-rt-dev libomp-dev" >&2
    exit 1
fi
[ -f build-fuzz/build.ninja ] || CC=${CLANG:-clang} meson setup build-fuzz -Dfuzzing=true -Db_sanitize=address,undefined \
    -Db_lundef=false -Dwerror=false --buildtype=debugoptimized
# Most targets write their input into a file first: in memory, or the disk is what is measured.
[ -w /dev/shm ] && export TMPDIR=/dev/shm
targets=${*:-bundle config encodings hdf5 idx image keras npy npz onnx safetensors tar tensorflow sim net}
for target in $targets; do
    case $target in
    image) folders="png jpeg" ;;
    keras) folders="hdf5 keras_json keras_zip" ;;
    net) folders=onnx ;;
    tensorflow) folders="graphdef savedmodel" ;;
    *) folders=$target ;;
    esac
    ninja -C build-fuzz "fuzz/fuzz_$target" >/dev/null
    mkdir -p "build-fuzz/found/$target"
    echo "fuzz: $target"
    corpus=
    for folder in $folders; do
        corpus="$corpus fuzz/corpus/$folder"
    done
    # shellcheck disable=SC2086 # one word a folder
    OMP_WAIT_POLICY=passive ASAN_OPTIONS=allocator_may_return_null=1 UBSAN_OPTIONS=halt_on_error=1 \
        "build-fuzz/fuzz/fuzz_$target" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=3000 -max_len=20000 \
        -print_final_stats=1 -verbosity=0 -artifact_prefix="build-fuzz/found/$target-" "build-fuzz/found/$target" $corpus
done
