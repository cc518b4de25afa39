#include "stacks/module_map.h"

namespace ntstack::stacks {

ModuleMap::ModuleMap(symbols::Symbolizer& symbolizer) : symbolizer_(&symbolizer) {
  for (const symbols::ModuleKey& key : symbolizer.modules()) {
    entries_.push_back({{key.base, key.size, nullptr, {}}});
  }
}

const unwind::Module* ModuleMap::find(std::uint64_t address) const {
  const auto index = symbolizer_->module_at(address);
  if (!index) return nullptr;
  Entry& entry = entries_[*index];
  if (!entry.opened) {
    entry.opened = true;
    const pe::Image* image = entry.module.image = symbolizer_->image(*index);
    if (image && image->architecture() == base::Architecture::x64)
      entry.module.functions.emplace<pe::x64::FunctionTable>(*image);
    if (image && image->architecture() == base::Architecture::arm64)
      entry.module.functions.emplace<pe::arm64::FunctionTable>(*image);
  }
  return &entry.module;
}

const pdb::Pdb* ModuleMap::pdb_of(const unwind::Module& module) const {
  const auto index = symbolizer_->module_at(module.base);
  return index ? symbolizer_->pdb(*index) : nullptr;
}

std::optional<pdb::FrameDataRecord> ModuleMap::frame_data_at(const unwind::Module& module,
                                                             std::uint32_t rva) const {
  const pdb::Pdb* pdb = pdb_of(module);
  return pdb ? pdb->frame_data_at(rva) : std::nullopt;
}

std::optional<pdb::FpoRecord> ModuleMap::fpo_at(const unwind::Module& module,
                                                std::uint32_t rva) const {
  const pdb::Pdb* pdb = pdb_of(module);
  return pdb ? pdb->fpo_at(rva) : std::nullopt;
}

std::optional<std::uint32_t> ModuleMap::function_start_at(const unwind::Module& module,
                                                          std::uint32_t rva) const {
  if (const pdb::Pdb* pdb = pdb_of(module)) {
    const auto function = pdb->function_at(rva);
    return function ? std::optional(function->rva) : std::nullopt;
  }
  const auto index = symbolizer_->module_at(module.base);
  const dwarf::Dwarf* dwarf = index ? symbolizer_->dwarf(*index) : nullptr;
  const auto function = dwarf ? dwarf->function_at(rva) : std::nullopt;
  // A part that lies away from the function has no prologue.
  return function && !function->is_part ? std::optional(function->rva) : std::nullopt;
}

std::size_t ModuleCode::read(std::uint64_t address, std::span<std::byte> out) const {
  const unwind::Module* module = modules_.find(address);
  return module && module->image ? pe::ImagePages(*module->image, module->base).read(address, out)
                                 : 0;
}

base::Bytes ModuleCode::view(std::uint64_t address, std::size_t size) const {
  const unwind::Module* module = modules_.find(address);
  return module && module->image ? pe::ImagePages(*module->image, module->base).view(address, size)
                                 : base::Bytes();
}

}  // namespace ntstack::stacks
