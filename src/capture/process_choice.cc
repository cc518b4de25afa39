#include "capture/process_choice.h"

#include <fmt/format.h>

#include <charconv>
#include <optional>

#include "base/text.h"

namespace ntstack::capture {
namespace {

std::optional<std::uint32_t> id_of(std::string_view text) {
  int base = 10;
  if (text.starts_with("0x") || text.starts_with("0X")) {
    text.remove_prefix(2);
    base = 16;
  }
  std::uint32_t id = 0;
  const char* const end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, id, base);
  if (error != std::errc() || at != end) return {};
  return id;
}

bool is_named(const ProcessFacts& process, std::string_view text) {
  if (text.empty()) return false;
  const std::string_view name = process.name;
  return base::equals_ignoring_case(name, text) ||
         base::equals_ignoring_case(name.substr(0, name.rfind('.')), text);
}

}  // namespace

std::vector<ProcessFacts> processes_named(std::span<const ProcessFacts> processes,
                                          std::string_view text) {
  std::vector<ProcessFacts> found;
  const auto id = id_of(text);
  if (id)
    for (const ProcessFacts& process : processes)
      if (process.id == *id) return {process};
  for (const ProcessFacts& process : processes)
    if (is_named(process, text)) found.push_back(process);
  return found;
}

std::string list_text(std::span<const ProcessFacts> processes) {
  std::string text;
  for (const ProcessFacts& process : processes)
    text += fmt::format("  {} (process {}), {} thread{}\n", base::printable(process.name),
                        process.id, process.threads.size(), process.threads.size() == 1 ? "" : "s");
  return text;
}

}  // namespace ntstack::capture
