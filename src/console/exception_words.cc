#include "console/exception_words.h"

#include <algorithm>
#include <array>

namespace ntstack::console {
namespace {

struct ExceptionCode {
  std::uint32_t code;
  std::string_view words;
};
// ntstatus.h's, in kd's words.
constexpr std::array<ExceptionCode, 12> kCodes{
    {{0xc0000005, "Access violation"},
     {0xc0000006, "In-page I/O error"},
     {0xc000001d, "Illegal instruction"},
     {0xc0000094, "Integer divide-by-zero"},
     {0xc0000095, "Integer overflow"},
     {0xc0000096, "Privileged instruction"},
     {0xc00000fd, "Stack overflow"},
     {0xc0000374, "Heap corruption"},
     {0xc0000409, "Security check failure or stack buffer overrun"},
     {0x80000003, "Break instruction exception"},
     {0x80000004, "Single step exception"},
     {0xe06d7363, "C++ EH exception"}}};

}  // namespace

std::string_view exception_words(std::uint32_t code) {
  const auto known = std::ranges::find(kCodes, code, &ExceptionCode::code);
  return known == kCodes.end() ? std::string_view() : known->words;
}

}  // namespace ntstack::console
