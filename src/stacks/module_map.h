// The modules of a dump as the unwinder looks them up: image and function table, opened when a
// stack first touches them.
#pragma once

#include <cstdint>
#include <vector>

#include "symbols/symbolizer.h"
#include "unwind/x64.h"

namespace ntstack::stacks {

class ModuleMap : public unwind::x64::CodeMap {
 public:
  explicit ModuleMap(symbols::Symbolizer& symbolizer);
  const unwind::x64::Module* find(std::uint64_t address) const override;

 private:
  struct Entry {
    unwind::x64::Module module;
    bool opened = false;
  };
  symbols::Symbolizer* symbolizer_;
  mutable std::vector<Entry> entries_;  // as the symbolizer's modules
};

}  // namespace ntstack::stacks
