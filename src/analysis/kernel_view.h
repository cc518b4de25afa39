// A dump as readers of kernel objects want it: the machine, and the types and names of its modules.
#pragma once

#include <functional>
#include <utility>
#include <vector>

#include "symbols/symbolizer.h"
#include "target/machine.h"

namespace ntstack::analysis {

class KernelView {
 public:
  // All outlive the view. `more`: symbolizers that types are looked for in where the kernel's (a
  // user dump's) know no module of that name. `is_interrupted` is asked by what takes long; may be
  // empty.
  KernelView(const target::Machine& machine, symbols::Symbolizer& symbolizer,
             std::vector<symbols::Symbolizer*> more = {}, std::function<bool()> is_interrupted = {})
      : machine_(&machine),
        symbolizer_(&symbolizer),
        more_(std::move(more)),
        is_interrupted_(std::move(is_interrupted)) {}

  const target::Machine& machine() const { return *machine_; }
  const base::ByteSource& memory() const { return machine_->memory(); }
  symbols::Symbolizer& symbolizer() const { return *symbolizer_; }
  const std::vector<symbols::Symbolizer*>& more() const { return more_; }
  base::Architecture architecture() const { return machine_->dump().architecture; }
  bool is_64_bit() const { return machine_->is_64_bit(); }
  bool is_interrupted() const { return is_interrupted_ && is_interrupted_(); }

 private:
  const target::Machine* machine_;
  symbols::Symbolizer* symbolizer_;
  std::vector<symbols::Symbolizer*> more_;
  std::function<bool()> is_interrupted_;
};

// The thread on one of whose stacks an address lies; null: none.
const target::Thread* thread_with_stack(const target::Machine& machine, std::uint64_t address);

}  // namespace ntstack::analysis
