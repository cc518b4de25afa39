// ETHREAD.ThreadName: what SetThreadDescription gave (Windows 10 1607 and later).
#include "base/text.h"
#include "target/structures.h"

namespace ntstack::target {
namespace {

bool is_kernel_address(std::uint64_t address, bool is_64_bit) {
  return is_64_bit ? address >> 63 != 0 : address >= 0x8000'0000;
}

}  // namespace

std::string read_thread_name(const base::ByteSource& memory, std::uint64_t address,
                             const Layout& layout) {
  const bool wide = layout.is_64_bit();
  const auto string = layout.pointer(memory, address, Field::ethread_thread_name);
  if (!string || !is_kernel_address(*string, wide)) return "";
  const auto length = memory.get<std::uint16_t>(*string);
  const auto capacity = memory.get<std::uint16_t>(*string + 2);
  const auto text = memory.pointer(*string + (wide ? 8 : 4), wide);
  if (!length || !capacity || !text || *length % 2 != 0 || *length > *capacity ||
      !is_kernel_address(*text, wide))
    return "";
  const auto bytes = memory.copy(*text, *length);
  return bytes.size() == *length ? base::utf8_from_utf16(base::Bytes(std::span(bytes))) : "";
}

}  // namespace ntstack::target
