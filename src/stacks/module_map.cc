#include "stacks/module_map.h"

namespace ntstack::stacks {

ModuleMap::ModuleMap(symbols::Symbolizer& symbolizer) : symbolizer_(&symbolizer) {
  for (const symbols::ModuleKey& key : symbolizer.modules()) {
    entries_.push_back({{key.base, key.size, nullptr, std::nullopt}});
  }
}

const unwind::x64::Module* ModuleMap::find(std::uint64_t address) const {
  const auto index = symbolizer_->module_at(address);
  if (!index) return nullptr;
  Entry& entry = entries_[*index];
  if (!entry.opened) {
    entry.opened = true;
    entry.module.image = symbolizer_->image(*index);
    if (entry.module.image && entry.module.image->architecture() == base::Architecture::x64) {
      entry.module.functions.emplace(*entry.module.image);
    }
  }
  return &entry.module;
}

}  // namespace ntstack::stacks
