// Fields of the kernel's structures by their names, as its types or this dump's offsets have them.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "analysis/kernel_view.h"

namespace ntstack::analysis {

struct FieldPlace {
  std::uint64_t offset = 0;
  std::uint64_t size = 0;                          // 0: not known
  std::uint32_t bit_position = 0, bit_length = 0;  // bit_length 0: no bit field
  bool is_nested = false;                          // behind a point: "ThreadListEntry.Flink"
};
// Of "_KTHREAD" and "ThreadListEntry.Flink". `module`: "nt".
std::optional<FieldPlace> field_place(const KernelView& view, std::string_view module,
                                      std::string_view structure, std::string_view member);
// The kernel's (a user dump's) module of a short name, in any case of letters.
std::optional<std::size_t> module_named(const KernelView& view, std::string_view name);
// The same of all modules: the kernel's first, then the implicit process's.
struct NamedModule {
  symbols::Symbolizer* symbolizer;
  std::size_t index;
};
std::optional<NamedModule> any_module_named(const KernelView& view, std::string_view name);
// A number of at most 8 bytes in an object of the kernel; nothing where the field or the memory is
// not known.
std::optional<std::uint64_t> kernel_field(const KernelView& view, std::uint64_t object,
                                          std::string_view structure, std::string_view member);

}  // namespace ntstack::analysis
