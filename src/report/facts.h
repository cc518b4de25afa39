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

struct StackFacts {
  DumpFacts of;
  std::vector<DumpFacts> more;  // further dumps whose stacks are here
  const std::vector<stacks::Stack>& stacks;
  std::vector<symbols::Missing> missing;  // for these stacks
};

// "RUNNING on processor 3", "WAIT: (Executive)", "STANDBY", "captured by an APC", "" where the
// state is unknown.
std::string state_text(const target::Thread& thread);

// Warnings of the container and of the machine together.
std::vector<std::string> warnings_of(const DumpFacts& facts);

}  // namespace ntstack::report
