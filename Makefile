# The project's commands. Each installs by apt what is missing for it, then builds with CMake presets.
#   make          the program: build/release/ntstack
#   make demo     builds, and prints the stacks of the bundled sample
#   make test     builds, and runs every test, those under Wine too
#   make bench    benchmarks and races against rivals
#   make rivals   fetches other programs that do the same, races them, and writes docs/performance.md
#   make scale    costs against size, up to 50,000 threads, 512 GB and a PDB of 1 GB; writes docs/scale.md
#   make instructions  how many instructions commands take, against those kept; a warning where it is over 5 % more
#   make windows  build/windows-x64/ntstack.exe, static
#   make driver   build/driver/{x64,arm64,x86}/ntstack.sys, and the program that tries it
#   make package  build/package: a .deb, and a zip for Windows with the driver
#   make reproducible  whether the packages are the same bytes, built twice in two folders (half an hour)
#   make sanitize the tests once more under ASan and UBSan
#   make fuzz     each fuzz target for FUZZ_SECONDS (10), at random or from FUZZ_SEED
#   make check    format and layers
.PHONY: all demo test bench rivals scale instructions windows driver package reproducible sanitize fuzz check tidy format samples clean

FUZZ_SECONDS ?= 10
FUZZ_SEED ?= 0
SAMPLE := samples/seed1
DEPENDENCIES := scripts/install-dependencies.sh

all:
	@$(DEPENDENCIES) build
	@cmake --preset release -DNTSTACK_TESTS=OFF >/dev/null
	@cmake --build build/release --target ntstack

demo: all
	build/release/ntstack stacks $(SAMPLE)/w3wp.dmp -y $(SAMPLE)/symbols

test: windows
	@$(DEPENDENCIES) build test
	@cmake --preset release -DNTSTACK_TESTS=ON >/dev/null
	@cmake --build build/release
	@scripts/run-tests.sh build/release

windows:
	@$(DEPENDENCIES) build windows
	@cmake --preset windows-x64 >/dev/null
	@cmake --build build/windows-x64

driver:
	@$(DEPENDENCIES) driver
	@for a in x64 arm64 x86; do driver/build.sh $$a build/driver/$$a || exit 1; done
	@x86_64-w64-mingw32-g++-posix -std=c++23 -O2 -static -Wl,--no-insert-timestamp -I. driver/selftest/main.cc -o build/driver/x64/ntstack_selftest.exe

package: all windows driver
	@$(DEPENDENCIES) package
	@scripts/package.sh build/release build/windows-x64 build/driver build/package

reproducible:
	@scripts/check-reproducible.sh

bench:
	@$(DEPENDENCIES) build test windows bench
	@cmake --preset bench >/dev/null
	@cmake --build build/bench --target benchmarks
	@bench/run.sh build/bench

# What both run: the program, the benchmarks' and the tests' writers of dumps.
RACED := ntstack unwind_steps unwind_data list_pages write_containers make_physical

rivals:
	@$(DEPENDENCIES) build test windows bench
	@cmake --preset bench >/dev/null
	@cmake --build build/bench --target $(RACED)
	@scripts/fetch-test-images.sh
	@bench/rivals/install.sh build/rivals
	@bench/rivals/run.py build/bench build/rivals

scale:
	@$(DEPENDENCIES) build test bench
	@cmake --preset bench >/dev/null
	@cmake --build build/bench --target $(RACED)
	@bench/scale.py build/bench

instructions: all
	@$(DEPENDENCIES) instructions
	@bench/instructions.py build/release

sanitize:
	@$(DEPENDENCIES) build test
	@cmake --preset debug >/dev/null
	@cmake --build build/debug
	@scripts/run-tests.sh build/debug

# The sanitizers' build has the fuzz targets; the preset "fuzz" has them alone.
fuzz:
	@$(DEPENDENCIES) build test
	@cmake --preset debug >/dev/null
	@cmake --build build/debug
	@scripts/run-fuzz.sh build/debug $(FUZZ_SECONDS) $(FUZZ_SEED)

check:
	@$(DEPENDENCIES) build test
	@scripts/check-format.sh
	@scripts/check-layers.sh

tidy:
	@$(DEPENDENCIES) build test
	@cmake --preset clang >/dev/null
	@scripts/check-tidy.sh build/clang

format:
	@git ls-files '*.h' '*.cc' | xargs clang-format-19 -i

samples:
	@$(DEPENDENCIES) build test
	@tests/world/build_samples.sh

clean:
	rm -rf build
