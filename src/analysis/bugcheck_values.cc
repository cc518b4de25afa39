#include "analysis/bugcheck_values.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <tuple>

#include "analysis/bugcheck.h"
#include "analysis/bugcheck_meanings.h"
#include "analysis/bugcheck_value_table.h"
#include "analysis/status_names.h"

namespace ntstack::analysis {
namespace {

constexpr auto place_of(const BugcheckValue& each) {
  return std::tuple(each.code, each.parameter, each.value);
}
static_assert(std::ranges::adjacent_find(kBugcheckValues, [](const auto& a, const auto& b) {
                return place_of(a) >= place_of(b);
              }) == std::end(kBugcheckValues));

std::string_view table_words(std::uint32_t code, std::size_t parameter, std::uint64_t value) {
  const auto wanted = std::tuple(code, static_cast<std::uint8_t>(parameter), value);
  const auto found = std::ranges::lower_bound(kBugcheckValues, wanted, {}, place_of);
  return found != std::end(kBugcheckValues) && place_of(*found) == wanted ? found->words
                                                                          : std::string_view();
}

// The processor's fault bits as the kernel passes them on: other values in other versions.
std::string_view access_words(std::uint64_t value) {
  switch (value & 0xff) {
    case 0:
      return "read";
    case 1:
    case 2:
    case 3:
      return "write";
    case 8:
    case 0x10:
    case 0x11:
      return "execute";
    default:
      return "";
  }
}

// 0xD1 and its like: 2 is an execution there.
std::string_view access_at_irql_words(std::uint64_t value) {
  return value == 2 ? "execute" : access_words(value);
}

std::string status_text(std::uint64_t value) {
  const auto status = static_cast<std::uint32_t>(value);
  const std::string_view name = status_name(status), words = status_words(status);
  if (name.empty() || words.empty()) return std::string(name);
  return fmt::format("{}: {}", name, words);
}

bool is_at_irql(std::string_view memory_then_irql) {
  return memory_then_irql == bugcheck_words::kIrql;
}

}  // namespace

std::string_view irql_name(std::uint64_t irql, base::Architecture architecture) {
  if (irql == 0) return "PASSIVE_LEVEL";
  if (irql == 1) return "APC_LEVEL";
  if (irql == 2) return "DISPATCH_LEVEL";
  if (irql == 0xff) return "interrupts were off";
  if (architecture == base::Architecture::x86) {
    constexpr std::string_view kHigh[] = {"PROFILE_LEVEL", "CLOCK2_LEVEL", "IPI_LEVEL",
                                          "POWER_LEVEL", "HIGH_LEVEL"};
    if (irql >= 27 && irql <= 31) return kHigh[irql - 27];
    return irql < 27 ? "a device's level" : "";
  }
  constexpr std::string_view kHigh[] = {"CLOCK_LEVEL", "IPI_LEVEL", "HIGH_LEVEL"};
  if (irql >= 13 && irql <= 15) return kHigh[irql - 13];
  return irql < 13 ? "a device's level" : "";
}

std::string parameter_words(const dump::Bugcheck& bugcheck, std::size_t parameter,
                            base::Architecture architecture) {
  const std::uint64_t value = bugcheck.parameters.at(parameter);
  const std::string_view by_table = table_words(plain_code(bugcheck.code), parameter, value);
  if (!by_table.empty()) return std::string(by_table);
  const BugcheckMeaning* meaning = bugcheck_meaning(bugcheck.code);
  if (!meaning) return "";
  const std::string_view what = meaning->parameters[parameter];
  if (what == bugcheck_words::kIrql) return std::string(irql_name(value, architecture));
  if (what == bugcheck_words::kCode || what == bugcheck_words::kStatus) return status_text(value);
  if (what != bugcheck_words::kAccess) return "";
  const bool has_irql = parameter > 0 && is_at_irql(meaning->parameters[parameter - 1]);
  return std::string(has_irql ? access_at_irql_words(value) : access_words(value));
}

}  // namespace ntstack::analysis
