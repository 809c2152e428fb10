# refold: `make` builds build/refold, `make demo` shows it at work, `make check` runs every test.
# Each installs what is missing first (tools/packages.txt). Meson does the building.

BUILD ?= build
PREFIX ?= /usr/local
# A test that takes longer has hung; the slow ones say so to Meson themselves.
TEST_TIMEOUT ?= 2

.PHONY: all setup demo check check-sanitize check-nets install format clean

# The program and the library; tests are built by check, everything else by install.
all: $(BUILD)/build.ninja
	@ninja -C $(BUILD) refold library

setup:
	@tools/setup.sh

$(BUILD)/build.ninja: | setup
	@meson setup $(BUILD) --prefix $(PREFIX)

demo: all
	@test -n "$(NO_TARGET)" || tools/setup.sh target
	@NO_TARGET="$(NO_TARGET)" demo/demo.sh $(BUILD)/refold

# Tests run side by side: threads that wait must not spin on a core that another test needs.
check: export OMP_WAIT_POLICY = passive
check: $(BUILD)/build.ninja
	@ninja -C $(BUILD)
	@meson test -C $(BUILD) --no-rebuild --print-errorlogs --timeout-multiplier $(TEST_TIMEOUT)

# The same tests with the address and undefined-behaviour sanitizers, in a build folder of its own.
check-sanitize: setup
	@test -f build-sanitize/build.ninja || meson setup build-sanitize -Db_sanitize=address,undefined \
	    -Db_lundef=false --buildtype=debugoptimized
	@ninja -C build-sanitize
	@UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 meson test -C build-sanitize --no-rebuild --print-errorlogs \
	    --timeout-multiplier 10

# Forms of graphs and torchvision's networks through the whole program; minutes, and skipped where python3-onnx or PyTorch
# is missing.
check-nets: export OMP_WAIT_POLICY = passive
check-nets: all
	@/usr/bin/python3 tests/nets/run_forms.py $(BUILD)/refold || test $$? = 77
	@/usr/bin/python3 tests/nets/run_nets.py $(BUILD)/refold || test $$? = 77

install: $(BUILD)/build.ninja
	@ninja -C $(BUILD)
	@meson install -C $(BUILD) --no-rebuild

format:
	@git ls-files '*.c' '*.h' | xargs clang-format -i

clean:
	rm -rf $(BUILD) build-sanitize demo/out
