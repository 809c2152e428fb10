# refold: `make` builds build/refold, `make demo` shows it at work, `make check` runs every test.
# Each installs what is missing first (tools/packages.txt). Meson does the building.

BUILD ?= build
# Where `make install` puts everything: /usr/local, or PREFIX=... given with it or with the first `make`.
with_prefix = $(if $(PREFIX),--prefix $(abspath $(PREFIX)))
# A test that takes longer has hung; the slow ones say so to Meson themselves.
TEST_TIMEOUT ?= 2

# Of make fuzz: for each of the readers.
FUZZ_SECONDS ?= 60

.PHONY: all setup setup-checks demo check check-sanitize check-threads check-valgrind check-builds check-nets fuzz fuzz-afl install format clean

# The program and the library; tests are built by check, manual pages by install.
all: $(BUILD)/build.ninja
	@ninja -C $(BUILD) refold library

setup:
	@tools/setup.sh

setup-checks:
	@tools/setup.sh checks

$(BUILD)/build.ninja: | setup
	@meson setup $(BUILD) $(with_prefix)

demo: all
	@test -n "$(NO_TARGET)" || tools/setup.sh target
	@NO_TARGET="$(NO_TARGET)" demo/demo.sh $(BUILD)/refold

# Tests run side by side: threads that wait must not spin on a core that another test needs.
check: export OMP_WAIT_POLICY = passive
check: $(BUILD)/build.ninja
	@ninja -C $(BUILD)
	@meson test -C $(BUILD) --no-rebuild --print-errorlogs --timeout-multiplier $(TEST_TIMEOUT)

# The same tests with the address and undefined-behaviour sanitizers, in a build folder of its own.
check-sanitize: export OMP_WAIT_POLICY = passive
check-sanitize: export REFOLD_PATIENCE = 10
check-sanitize: export UBSAN_OPTIONS = halt_on_error=1:print_stacktrace=1
check-sanitize: setup
	@test -f build-sanitize/build.ninja || meson setup build-sanitize -Db_sanitize=address,undefined \
	    -Dc_args=-fsanitize=float-cast-overflow -Db_lundef=false -Dwerror=false --buildtype=debugoptimized
	@ninja -C build-sanitize
	@meson test -C build-sanitize --no-rebuild --print-errorlogs --timeout-multiplier 10

# Every part that loads or computes with threads, under ThreadSanitizer. With clang: its OpenMP brings Archer, which tells
# where the threads of a region meet. Libraries that are not built for the sanitizer (oneDNN) are left out, by the option.
THREAD_SUITES = base quant kernels dnn data ops exec sim compare train analyze bn bench golden
check-threads: export OMP_WAIT_POLICY = passive
check-threads: export TSAN_OPTIONS = ignore_noninstrumented_modules=1
check-threads: export REFOLD_TEST_THREADS = 3
check-threads: setup-checks
	@test -f build-threads/build.ninja || CC=clang meson setup build-threads -Db_sanitize=thread -Db_lundef=false \
	    -Dwerror=false --buildtype=debugoptimized
	@meson test -C build-threads --print-errorlogs --timeout-multiplier 20 $(THREAD_SUITES:%=--suite %)

# The workflow under valgrind, on a small network.
check-valgrind: setup-checks all
	@tools/valgrind.sh $(BUILD)/refold

# Both compilers, every level of optimization, odd numbers of threads: hours.
check-builds: setup-checks
	@tools/check_builds.sh

# libFuzzer on every reader; AFL++ on the one for ONNX.
fuzz: setup-checks
	@tools/fuzz.sh $(FUZZ_SECONDS)

fuzz-afl: setup-checks
	@tools/fuzz_afl.sh $(FUZZ_SECONDS)

# Forms of graphs and torchvision's networks through the whole program; minutes, and skipped where python3-onnx or PyTorch
# is missing.
check-nets: export OMP_WAIT_POLICY = passive
check-nets: all
	@/usr/bin/python3 tests/nets/run_forms.py $(BUILD)/refold || test $$? = 77
	@/usr/bin/python3 tests/nets/run_nets.py $(BUILD)/refold || test $$? = 77

# The folder may have been set up for another place.
install: $(BUILD)/build.ninja
	@test -z "$(PREFIX)" || meson configure $(BUILD) $(with_prefix)
	@ninja -C $(BUILD) refold library manual
	@meson install -C $(BUILD) --no-rebuild

format:
	@git ls-files '*.c' '*.h' | xargs clang-format -i

clean:
	rm -rf $(BUILD) build-sanitize build-threads build-fuzz build-afl demo/out
