#!/usr/bin/env bash
# Every benchmark and race, one after the other. Usage: bench/run.sh BUILD_FOLDER (a release build with NTSTACK_BENCH).
set -euo pipefail
build=$1
data=${NTSTACK_DATA:-../shared/data}
cmake --build "$build" --target ntstack >/dev/null
scripts/fetch-test-images.sh
bench/make_big_pdb.py "$build/bench/big_pdb"
export NTSTACK_BIG_PDB=$build/bench/big_pdb/big.pdb
for program in "$build"/bench/*_bench; do
  echo "== $(basename "$program")"
  "$program" --benchmark_min_time=0.2 2>/dev/null
done
echo "== ntstack stacks, whole process"
bench/stacks_cost.py "$build/ntstack" samples/seed1/w3wp.dmp "$data/kernel/triage_x64_19041.dmp"
echo "== ntstack waits against ntstack stacks"
bench/waits_cost.py "$build/ntstack" samples/seed1/w3wp.dmp
if [ -x "$build/tests/world_physical/make_physical" ]; then
  "$build/tests/world_physical/make_physical" "$build/tests/world_physical/modules/known" "$build/bench/waits.dmp" bitmap 100 2000
  bench/waits_cost.py "$build/ntstack" "$build/bench/waits.dmp"
  rm -f "$build/bench/waits.dmp"
fi
echo "== ntstack analyze of crash dumps against ntstack stacks"
hyperfine --warmup 3 --shell none \
  "$build/ntstack analyze $data/kernel/triage_x64_19041.dmp --offline" \
  "$build/ntstack stacks $data/kernel/triage_x64_19041.dmp --offline" \
  "$build/ntstack analyze samples/processors/processors.dmp --offline"
echo "== the console's first stack against ntstack stacks"
hyperfine --warmup 3 --shell none \
  "$build/ntstack open samples/seed1/w3wp.dmp -y samples/seed1/symbols --offline -c k" \
  "$build/ntstack stacks samples/seed1/w3wp.dmp -y samples/seed1/symbols --offline"
if [ -x "$build/tests/world_physical/make_physical" ]; then
  echo "== all stacks of a machine of 2,000 and 4,000 threads"
  bench/physical_cost.py "$build/ntstack" "$build/tests/world_physical/make_physical" "$build/tests/world_physical/modules/known"
fi
if [ -x "$build/tests/world_physical/make_physical" ]; then
  echo "== the page of a machine of 2,000 threads"
  bench/report_page.py "$build/ntstack" "$build/tests/world_physical/make_physical" "$build/tests/world_physical/modules/known" \
    "$build/bench/report_page"
fi
if [ -x "$build/bench/damage_rate" ]; then
  echo "== damaged stacks"
  "$build/bench/damage_rate"
fi
echo "== a batch of triage dumps"
triage=("$data"/kernel/triage_x64_*.dmp)
[ -e "${triage[0]}" ] || triage=(samples/processors/processors.dmp)
bench/batch_rate.py "$build/ntstack" "${triage[@]}"
echo "== undecoration against llvm-undname"
bench/undecorate_race.sh "$build"
echo "== symbolising against llvm-symbolizer"
bench/symbolize_race.sh "$build"
echo "== disassembly against llvm-objdump"
bench/disassembly_race.sh "$build"
echo "== downloads against curl"
bench/fetch_race.py "$build"
echo "== DWARF against llvm-symbolizer and addr2line"
bench/dwarf_race.py "$build"
echo "== unwinding against RtlVirtualUnwind"
bench/unwind_race.sh build/windows-x64
