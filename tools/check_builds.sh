#!/bin/sh
# usage: check_builds.sh [COMPILER-LEVEL | THREADS]...: what computes, and the program's workflow, built with gcc and clang at
# -O0 to -O3, and run with 1, 3, 5 and 7 threads; or only those that are named, as in `check_builds.sh clang-2 5`.
set -eu
cd "$(dirname "$0")/.."
export OMP_WAIT_POLICY=passive
suites="base tensor graph quant kernels dnn ops exec sim train bn golden"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# Warnings are errors here too: each level finds its own.
build()
{
    env CC="$1" meson setup "$folder/$1-$2" --optimization "$2" >/dev/null
}

# Builds what the tests need, too.
run_tests()
{
    # shellcheck disable=SC2046,SC2086 # one word a suite
    meson test -C "$folder/$1" --timeout-multiplier 10 --quiet --print-errorlogs $(printf -- '--suite %s ' $suites)
    meson test -C "$folder/$1" --timeout-multiplier 10 --quiet --print-errorlogs cli_workflow cli_numbers
}

for what in ${*:-gcc-0 gcc-1 gcc-2 gcc-3 clang-0 clang-1 clang-2 clang-3 1 3 5 7}; do
    case $what in
    *-*)
        echo "check-builds: ${what%-*} -O${what#*-}"
        build "${what%-*}" "${what#*-}"
        run_tests "$what"
        [ "$what" = gcc-3 ] || rm -rf "${folder:?}/$what"
        ;;
    *)
        echo "check-builds: $what threads"
        [ -d "$folder/gcc-3" ] || build gcc 3
        OMP_NUM_THREADS=$what REFOLD_TEST_THREADS=$what run_tests gcc-3
        ;;
    esac
done
echo "check-builds: all passed"
