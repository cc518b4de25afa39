// Session space: where win32k.sys and others lie, each session's own, and the system process maps
// nothing.
#include <algorithm>

#include "target/kernel/kernel.h"

namespace ntstack::target {
namespace {

constexpr std::size_t kMostImages = 16, kMostProcesses = 128;  // that are tried
// Where the kernel's half begins; on x86 with /3GB higher.
constexpr std::uint64_t kSystemRange64 = 0xffff800000000000, kSystemRange32 = 0x80000000;

}  // namespace

void Kernel::find_session_space(std::span<const std::uint64_t> directory_table_bases) {
  if (!tables_) return;
  std::vector<dump::ModuleRecord*> absent;
  for (dump::ModuleRecord& module : modules_) {
    const auto there = tables_->translate(module.base);
    if (!there && there.error() == memory::Fault::not_mapped && absent.size() < kMostImages)
      absent.push_back(&module);
  }
  if (absent.empty()) return;
  for (const std::uint64_t root :
       directory_table_bases.first(std::min(directory_table_bases.size(), kMostProcesses))) {
    auto space = address_space(root);
    if (!space) continue;
    bool maps_any = false;
    for (dump::ModuleRecord* module : absent)
      maps_any |= module->in_session_space = space->translate(module->base).has_value();
    if (!maps_any) continue;
    memory_->put_behind(std::move(space), is_64_bit() ? kSystemRange64 : kSystemRange32);
    return;
  }
}

}  // namespace ntstack::target
