#include "report/offset_lines.h"

#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>

namespace ntstack::report {
namespace {

using target::Field;
using target::OffsetSource;

std::string title_of(OffsetSource source, const target::Machine& machine) {
  const std::uint32_t build = machine.kernel().build();
  switch (source) {
    case OffsetSource::kdbg:
      return "KDBG";
    case OffsetSource::types:
      return fmt::format("{} types", machine.offsets().types_name());
    case OffsetSource::table:
      return fmt::format("table of build {}", build);
    case OffsetSource::nearest_table:
      return fmt::format("table of the build before {}, checked where used", build);
    default:
      return std::string(name_of(source));
  }
}

// "KTHREAD.Teb f0", "KTHREAD.KernelStackResident 7a bit 1", "ETHREAD 898 bytes" of a size.
std::string entry_of(const target::Offsets& offsets, Field field) {
  const target::FieldName name = name_of(field);
  const auto at = offsets[field];
  std::string text(name.structure.substr(name.structure.starts_with('_') ? 1 : 0));
  if (name.member.empty()) return at ? text + fmt::format(" {:x} bytes", *at) : text + "'s size";
  text += fmt::format(".{}", name.member);
  if (at) text += fmt::format(" {:x}", *at);
  if (const auto bit = offsets.bit(field)) text += fmt::format(" bit {}", *bit);
  return text;
}

// Kernel stacks alone have no structure of nt's.
bool has_kernel(const target::Machine& machine) {
  return machine.dump().kind != dump::Kind::minidump && !machine.dump().kernel_stacks;
}

}  // namespace

std::string offset_lines(const target::Machine& machine) {
  if (!has_kernel(machine)) return "";
  std::map<OffsetSource, std::string> lines;
  std::string unknown;
  for (std::size_t i = 0; i < static_cast<std::size_t>(Field::count); ++i) {
    const Field field = static_cast<Field>(i);
    const OffsetSource source = machine.offsets().source(field);
    std::string& line = source == OffsetSource::unknown ? unknown : lines[source];
    line += (line.empty() ? "" : ", ") + entry_of(machine.offsets(), field);
  }
  std::string out;
  for (const auto& [source, line] : lines)
    out += fmt::format("{:<9} {}: {}\n", out.empty() ? "offsets" : "", title_of(source, machine),
                       line);
  if (!unknown.empty())
    out += fmt::format("{:<9} unknown: {}\n", out.empty() ? "offsets" : "", unknown);
  return out;
}

nlohmann::ordered_json offset_list(const target::Machine& machine) {
  auto list = nlohmann::ordered_json::array();
  if (!has_kernel(machine)) return list;
  for (std::size_t i = 0; i < static_cast<std::size_t>(Field::count); ++i) {
    const Field field = static_cast<Field>(i);
    const target::FieldName name = name_of(field);
    nlohmann::ordered_json json;
    json["structure"] = name.structure;
    json["field"] =
        name.member.empty() ? nlohmann::ordered_json(nullptr) : nlohmann::ordered_json(name.member);
    const auto at = machine.offsets()[field];
    json["offset"] = at ? nlohmann::ordered_json(*at) : nlohmann::ordered_json(nullptr);
    if (const auto bit = machine.offsets().bit(field)) json["bit"] = *bit;
    json["source"] = name_of(machine.offsets().source(field));
    list.push_back(std::move(json));
  }
  return list;
}

}  // namespace ntstack::report
