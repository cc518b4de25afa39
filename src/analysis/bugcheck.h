// What a bugcheck code is called, what it means and what its parameters are, from Microsoft's
// public bug check reference. Codes that are not here are shown by number.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace ntstack::analysis {

struct BugcheckMeaning {
  std::uint32_t code = 0;
  std::string_view name;
  std::string_view sentence;  // what it means, without a full stop; empty: known by name alone
  std::array<std::string_view, 4> parameters;  // empty where nothing is known of one
};

// Null for a code that is not known. Codes of small dumps (0x1000007E) are found as themselves,
// else as what they are without that mark.
const BugcheckMeaning* bugcheck_meaning(std::uint32_t code);

// Every code that is known, by rising code.
std::span<const BugcheckMeaning> known_bugchecks();

// No crash: a capture of a live process by NtSystemDebugControl writes this by convention.
inline constexpr std::uint32_t kTriageCaptureCode = 0x69696969;

// The code without the mark of small dumps (0x10000000), which some of them carry.
constexpr std::uint32_t plain_code(std::uint32_t code) {
  return (code & 0xfffff000) == 0x10000000 ? code & 0xfff : code;
}

// Whether the machine was stopped on purpose, or not at all: a dump that tells of a hang, not of a
// crash.
bool is_no_crash(std::uint32_t code);

}  // namespace ntstack::analysis
