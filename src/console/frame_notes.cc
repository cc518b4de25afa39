#include "console/frame_notes.h"

#include <fmt/format.h>

namespace ntstack::console {
namespace {

// The letter behind @@Y of a C++ function's name (Microsoft's decorated names).
std::string_view convention_of_letter(char letter) {
  switch (letter) {
    case 'A':
      return "cdecl";
    case 'E':
      return "thiscall";
    case 'G':
      return "stdcall";
    case 'I':
      return "fastcall";
    default:
      return {};
  }
}

}  // namespace

std::string_view calling_convention_of(std::string_view decorated_name) {
  if (decorated_name.starts_with('?')) {
    const std::size_t end = decorated_name.find("@@Y");
    const bool has_letter = end != std::string_view::npos && end + 3 < decorated_name.size();
    return has_letter ? convention_of_letter(decorated_name[end + 3]) : std::string_view();
  }
  const std::size_t at = decorated_name.rfind('@');
  const bool has_bytes =
      at != std::string_view::npos && at != 0 && at + 1 < decorated_name.size() &&
      decorated_name.find_first_not_of("0123456789", at + 1) == std::string_view::npos;
  if (has_bytes && decorated_name.starts_with('_')) return "stdcall";
  if (has_bytes && decorated_name.starts_with('@')) return "fastcall";
  return decorated_name.starts_with('_') ? "cdecl" : std::string_view();
}

std::string frame_note(const FrameRecord& record) {
  constexpr std::uint8_t non_fpo = 3;  // FRAME_NONFPO of winnt.h
  const bool is_fpo = record.fpo && record.fpo->frame_type != non_fpo;
  const std::string trap =
      record.trap_frame ? fmt::format("TrapFrame @ {:08x}", *record.trap_frame) : "";
  std::string note;
  if (is_fpo && record.trap_frame) {
    note = fmt::format(" (FPO: [{},{}] {})", record.fpo->params_size / 4,
                       record.fpo->locals_size / 4, trap);
  } else if (is_fpo) {
    note = fmt::format(" (FPO: [{},{},{}])", record.fpo->params_size / 4,
                       record.fpo->locals_size / 4, record.fpo->saved_registers);
  } else if (record.fpo || record.has_frame_data) {
    note = " (FPO: [Non-Fpo])";
  }
  if (!is_fpo && !trap.empty()) note += fmt::format(" ({})", trap);
  const std::string_view convention = calling_convention_of(record.decorated_name);
  return convention.empty() ? note : note + fmt::format(" (CONV: {})", convention);
}

}  // namespace ntstack::console
