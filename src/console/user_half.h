// The user half of a console's implicit process: its memory, and its images once .reload /user has
// looked them up.
#pragma once

#include <memory>

#include "base/byte_source.h"
#include "symbols/symbolizer.h"
#include "target/machine.h"

namespace ntstack::console {

class UserHalf {
 public:
  // Null: the dump has no memory of processes of its own. Kept until another process is asked for.
  const base::ByteSource* memory_of(const target::Machine& machine, const target::Process* process);
  // Null: they were not looked up, or another process's were.
  symbols::Symbolizer* images_of(const target::Process* process);
  // The images of the process that memory_of() was asked for last; they read its memory.
  void set_images(std::unique_ptr<symbols::Symbolizer> images) { images_ = std::move(images); }
  void forget() { *this = {}; }

 private:
  const target::Process* process_ = nullptr;
  std::unique_ptr<memory::PageTables> memory_;
  std::unique_ptr<symbols::Symbolizer> images_;
};

class Console;

// What commands read: user addresses in the implicit process, all others in the kernel.
class ContextMemory : public base::ByteSource {
 public:
  explicit ContextMemory(Console& console) : console_(console) {}
  std::size_t read(std::uint64_t address, std::span<std::byte> out) const override;
  base::Bytes view(std::uint64_t address, std::size_t size) const override;
  std::uint64_t hole_end(std::uint64_t address) const override;

 private:
  const base::ByteSource& at(std::uint64_t address) const;
  Console& console_;
};

}  // namespace ntstack::console
