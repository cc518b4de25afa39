// What is printed, gathered once: every format takes its facts from here.
#pragma once

#include <string>
#include <vector>

#include "dump/dump.h"
#include "stacks/stack.h"
#include "symbols/symbolizer.h"
#include "target/machine.h"

namespace ntstack::report {

// A dump with what was read from it. The parts outlive this.
struct DumpFacts {
  const dump::Dump& dump;
  const target::Machine& machine;
  const symbols::Symbolizer& symbolizer;
  std::string file_name;  // as the user named it, printable
};

// A thread that a user dump has, and no kernel dump.
struct MissingThread {
  std::optional<std::uint64_t> id, process_id;
  std::string reason;  // what the kernel dumps say of threads that they lack
};

struct StackFacts {
  DumpFacts of;
  std::vector<DumpFacts> more;  // further dumps whose stacks are here
  const std::vector<stacks::Stack>& stacks;
  std::vector<symbols::Missing> missing;            // for these stacks
  std::vector<MissingThread> missing_threads = {};  // of several dumps
  std::vector<std::string> notes = {};              // on the dumps as a set, a sentence each

  // The dump that Stack::dump names: 0 is the first.
  const DumpFacts& of_dump(std::uint32_t dump) const { return dump == 0 ? of : more.at(dump - 1); }
};

// "RUNNING on processor 3", "WAIT: (Executive)", "STANDBY", "captured by an APC", "" where the
// state is unknown.
std::string state_text(const target::Thread& thread);

// Warnings of the container and of the machine together.
std::vector<std::string> warnings_of(const DumpFacts& facts);
// Of several dumps: the set's notes, the first dump's warnings, then the others', each behind the
// name of its dump; what several say is said once, with how many.
std::vector<std::string> warnings_of(const StackFacts& facts);

}  // namespace ntstack::report
