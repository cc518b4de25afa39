#include "target/user_process.h"

#include "target/module_list.h"

namespace ntstack::target {
namespace {

constexpr std::uint64_t kMostUserStack = 0x40000000;  // bytes: more than a linker reserves

}  // namespace

std::vector<dump::ModuleRecord> read_user_modules(const base::ByteSource& memory, std::uint64_t peb,
                                                  bool is_64_bit) {
  // PEB.Ldr, and PEB_LDR_DATA.InLoadOrderModuleList (winternl.h and public PDB types).
  const auto loader = memory.pointer(peb + (is_64_bit ? 0x18 : 0x0c), is_64_bit);
  if (!loader || *loader == 0) return {};
  return read_loaded_modules(memory, *loader + (is_64_bit ? 0x10 : 0x0c), is_64_bit).modules;
}

std::optional<StackSegment> read_user_stack(const base::ByteSource& memory, std::uint64_t teb,
                                            bool is_64_bit) {
  const std::uint64_t word = is_64_bit ? 8 : 4;
  const auto base = memory.pointer(teb + word, is_64_bit);
  const auto limit = memory.pointer(teb + 2 * word, is_64_bit);
  if (!base || !limit || *limit == 0 || *base <= *limit || *base - *limit > kMostUserStack)
    return std::nullopt;
  return StackSegment{StackKind::user, *limit, *base};
}

}  // namespace ntstack::target
