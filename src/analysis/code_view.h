// A dump's code for a reader: its bytes, from the dump's memory or else from the matching image
// files as the loader leaves them, and names for what it refers to.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/architecture.h"
#include "base/byte_source.h"
#include "code/disassembler.h"
#include "pe/imports.h"
#include "pe/relocated_pages.h"
#include "stacks/module_map.h"

namespace ntstack::analysis {

// The modules' image files as memory. Opened when first asked for.
class ImageFiles : public base::ByteSource {
 public:
  explicit ImageFiles(symbols::Symbolizer& symbolizer) : symbolizer_(&symbolizer) {}
  std::size_t read(std::uint64_t address, std::span<std::byte> out) const override;
  base::Bytes view(std::uint64_t address, std::size_t size) const override;

 private:
  const pe::RelocatedPages* pages_at(std::uint64_t address) const;

  symbols::Symbolizer* symbolizer_;
  mutable std::map<std::size_t, std::unique_ptr<pe::RelocatedPages>> pages_;  // by module
};

class CodeView {
 public:
  // Both outlive the view. `machine` is the dump's: code outside of all modules is of it.
  CodeView(const base::ByteSource& memory, symbols::Symbolizer& symbolizer,
           base::Architecture machine);
  CodeView(const CodeView&) = delete;
  CodeView& operator=(const CodeView&) = delete;

  // 32-bit modules of a 64-bit machine have their own.
  base::Architecture architecture_at(std::uint64_t address) const;
  bool is_64_bit_at(std::uint64_t address) const {
    return base::is_64_bit(architecture_at(address));
  }
  const base::ByteSource& code() const { return code_; }
  bool is_in_dump(std::uint64_t address, std::size_t size) const;
  // A pointer that the dump has: what a file has there need not be what was there.
  std::optional<std::uint64_t> pointer_in_dump(std::uint64_t address) const;

  // The instruction at an address; nothing where not even its first byte is at hand.
  std::optional<code::Disassembled> instruction_at(std::uint64_t address) const;
  std::vector<std::byte> bytes_of(const code::Disassembled& instruction) const;

  // "nt!IofCallDriver+0x12"; empty outside of all modules.
  std::string name(std::uint64_t address) const;
  // The same of memory: a slot of an import table without a symbol of its own is "a!_imp_ZwClose".
  std::string memory_name(std::uint64_t address) const;
  // What the loader puts into a slot by the import table: "nt!ZwClose"; empty: it is no such slot.
  std::string import_at(std::uint64_t slot) const;
  std::optional<std::uint64_t> address_of(const std::string& name) const {
    return symbolizer_->address_of(name);
  }

  const stacks::ModuleMap& modules() const { return modules_; }
  symbols::Symbolizer& symbolizer() const { return *symbolizer_; }

 private:
  const pe::ImportSlot* slot_at(std::uint64_t address) const;

  const base::ByteSource* memory_;
  symbols::Symbolizer* symbolizer_;
  base::Architecture machine_;
  stacks::ModuleMap modules_;
  ImageFiles files_;
  base::LayeredSource code_;
  mutable std::map<std::size_t, std::vector<pe::ImportSlot>> imports_;  // by module
  mutable std::array<std::optional<code::Disassembler>, 4> disassemblers_;
};

}  // namespace ntstack::analysis
