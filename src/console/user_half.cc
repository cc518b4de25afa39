#include "console/user_half.h"

#include "console/console.h"

namespace ntstack::console {

const base::ByteSource* UserHalf::memory_of(const target::Machine& machine,
                                            const target::Process* process) {
  if (process == process_) return memory_.get();
  forget();
  process_ = process;
  if (process && process->directory_table_base)
    memory_ = machine.kernel().address_space(*process->directory_table_base);
  return memory_.get();
}

symbols::Symbolizer* UserHalf::images_of(const target::Process* process) {
  return process && process == process_ ? images_.get() : nullptr;
}

const base::ByteSource& ContextMemory::at(std::uint64_t address) const {
  const target::Machine& machine = console_.machine();
  if (console_.is_user_dump() || !stacks::is_user_address(address, console_.architecture()))
    return machine.memory();
  const base::ByteSource* user = console_.user_half().memory_of(machine, console_.context.process);
  return user ? *user : machine.memory();
}

// What goes on from the user half into the kernel's is the user half's: there is a hole between.
std::size_t ContextMemory::read(std::uint64_t address, std::span<std::byte> out) const {
  return at(address).read(address, out);
}

base::Bytes ContextMemory::view(std::uint64_t address, std::size_t size) const {
  return at(address).view(address, size);
}

std::uint64_t ContextMemory::hole_end(std::uint64_t address) const {
  return at(address).hole_end(address);
}

}  // namespace ntstack::console
