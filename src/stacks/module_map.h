// The modules of a dump as the unwinders look them up: image, function table and PDB, opened when a
// stack first touches them.
#pragma once

#include <cstdint>
#include <vector>

#include "symbols/symbolizer.h"
#include "unwind/code_map.h"
#include "unwind/x86.h"

namespace ntstack::stacks {

class ModuleMap : public unwind::x86::CodeMap {
 public:
  explicit ModuleMap(symbols::Symbolizer& symbolizer);
  const unwind::Module* find(std::uint64_t address) const override;
  std::optional<pdb::FrameDataRecord> frame_data_at(const unwind::Module& module,
                                                    std::uint32_t rva) const override;
  std::optional<pdb::FpoRecord> fpo_at(const unwind::Module& module,
                                       std::uint32_t rva) const override;
  std::optional<std::uint32_t> function_start_at(const unwind::Module& module,
                                                 std::uint32_t rva) const override;

 private:
  struct Entry {
    unwind::Module module;
    bool opened = false;
  };
  const pdb::Pdb* pdb_of(const unwind::Module& module) const;

  symbols::Symbolizer* symbolizer_;
  mutable std::vector<Entry> entries_;  // as the symbolizer's modules
};

// The modules' images as memory: code that a dump does not have.
class ModuleCode : public base::ByteSource {
 public:
  explicit ModuleCode(const ModuleMap& modules) : modules_(modules) {}
  std::size_t read(std::uint64_t address, std::span<std::byte> out) const override;
  base::Bytes view(std::uint64_t address, std::size_t size) const override;

 private:
  const ModuleMap& modules_;
};

}  // namespace ntstack::stacks
