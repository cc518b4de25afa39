// Whom a bugcheck's parameters name: an instruction's address in a module, an IRP at a driver, a
// device object of a driver.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "symbols/symbolizer.h"
#include "target/machine.h"

namespace ntstack::analysis {

struct NamedByParameter {
  std::size_t parameter = 0;  // 0 to 3
  std::uint64_t address = 0;  // in the module: an instruction, or its driver's image
  std::string module;         // "mydriver.sys"
  std::string short_name;     // empty for an unloaded module
  bool is_unloaded = false;
  bool is_certain = true;  // false: one of several parameters that may name anybody
  std::string reason;      // "parameter 4, the address of the instruction ..., lies in it"
};

// In the order in which they count; kernel modules are among them.
std::vector<NamedByParameter> named_by_parameters(const target::Machine& machine,
                                                  const symbols::Symbolizer& symbolizer);

// The process that a bugcheck is about (0xEF, 0xF4); null: none, or its object is not known.
const target::Process* process_in_question(const target::Machine& machine);
// The thread that a bugcheck names (0xEA, 0x1D5, 0x9F), or that runs on the processor that it names
// (0x101); null: it names none, or that is not in the dump.
const target::Thread* thread_in_question(const target::Machine& machine);

}  // namespace ntstack::analysis
