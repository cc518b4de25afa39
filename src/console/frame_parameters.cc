#include "console/frame_parameters.h"

#include <fmt/format.h>

#include "base/text.h"
#include "pdb/locals.h"

namespace ntstack::console {
namespace {

// What a place counts from; nothing where this frame's register is not known.
std::optional<std::uint64_t> base_of(const stacks::Frame& frame, std::string_view name) {
  if (name == "rsp" || name == "sp" || name == "esp")
    return frame.child_sp_is_bound ? std::nullopt : std::optional(frame.child_sp);
  if (name == "ebp") return frame.child_ebp;
  // Its slot 0 is the return address's.
  if (name == "vframe" && frame.child_ebp) return *frame.child_ebp + 4;
  return std::nullopt;
}

bool is_signed(std::string_view type) {
  return type == "int" || type == "long" || type == "short" || type == "__int64" ||
         type == "long long" || type == "signed char";
}

std::string value_text(const Console& console, const pdb::Local& local, std::uint64_t value,
                       std::uint64_t size) {
  const std::uint64_t word = console.is_64_bit() ? 8 : 4;
  if (local.type_name.ends_with('*') && size == word) return "0x" + console.address_text(value);
  if (!is_signed(local.type_name)) return fmt::format("0x{:x}", value);
  const unsigned unused = 64 - static_cast<unsigned>(size) * 8;
  return fmt::format("0n{}", static_cast<std::int64_t>(value << unused) >> unused);
}

std::string text_of(const Console& console, const stacks::Frame& frame, const pdb::Local& local,
                    std::uint32_t machine) {
  const std::string heading =
      base::printable(local.type_name) + " " + base::printable(local.name) + " = ";
  const pdb::LocalPlace& place = local.places.front();
  const auto base = base_of(frame, pdb::frame_register(place.base, machine));
  const std::uint64_t size = local.bytes.value_or(0);
  if (!base || place.is_part) return heading + "<value unavailable>";
  const std::uint64_t at = as_address(
      *base + static_cast<std::uint64_t>(std::int64_t{place.offset}), console.is_64_bit());
  if (size != 1 && size != 2 && size != 4 && size != 8)
    return heading + "<at " + console.address_text(at) + ">";
  std::uint64_t value = 0;
  const auto out =
      std::as_writable_bytes(std::span(&value, 1)).first(static_cast<std::size_t>(size));
  if (console.context_memory().read(at, out) != size) return heading + "<value unavailable>";
  return heading + value_text(console, local, value, size);
}

}  // namespace

std::string parameters_text(Console& console, const stacks::Stack& stack,
                            const stacks::Frame& frame, bool in_lines) {
  const bool is_other_memory = frame.is_user && !console.is_user_dump();
  if (frame.is_inline || is_other_memory) return {};
  const std::uint64_t at = frame.ip - (frame.is_call_site ? 1 : 0);
  symbols::Symbolizer* symbolizer = console.walker().symbolizer_of(stack, frame);
  const auto module = symbolizer ? symbolizer->module_at(at) : std::nullopt;
  const pdb::Pdb* pdb = module ? symbolizer->pdb(*module) : nullptr;
  const std::uint64_t rva = module ? at - symbolizer->modules()[*module].base : 0;
  if (!pdb || rva > UINT32_MAX) return {};
  const pdb::FrameLocals found = pdb->locals_at(static_cast<std::uint32_t>(rva));
  if (!found.is_known) return {};
  std::string out;
  for (const pdb::Local& local : found.locals) {
    if (!local.is_parameter || !local.function.empty() || local.places.empty()) continue;
    out += out.empty() ? "" : ",";
    out += in_lines ? "\n\t\t\t" : out.empty() ? "" : " ";
    out += text_of(console, frame, local, pdb->machine());
  }
  // Whether it has none, or has them in registers alone, is not known.
  return out.empty() ? out : "(" + out + ")";
}

}  // namespace ntstack::console
