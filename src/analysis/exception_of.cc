#include "analysis/exception_of.h"

#include <array>
#include <cstddef>
#include <span>

#include "analysis/bugcheck.h"
#include "analysis/bugcheck_meanings.h"
#include "dump/records.h"

namespace ntstack::analysis {
namespace {

constexpr std::uint32_t kBreakpoint = 0x80000003;
constexpr std::size_t kRecordSize64 = 0x98, kRecordSize32 = 0x50;  // EXCEPTION_RECORD

std::optional<dump::ExceptionRecord> record_at(const target::Machine& machine,
                                               std::uint64_t address) {
  std::array<std::byte, kRecordSize64> bytes{};
  const std::size_t size = machine.is_64_bit() ? kRecordSize64 : kRecordSize32;
  const std::size_t got = machine.memory().read(address, std::span(bytes).first(size));
  if (got < size) return {};
  return dump::exception_record(base::Bytes(std::span(bytes).first(size)), machine.is_64_bit());
}

std::optional<dump::ExceptionRecord> record_of_bugcheck(const target::Machine& machine) {
  const auto& bugcheck = machine.dump().bugcheck;
  const BugcheckMeaning* meaning = bugcheck ? bugcheck_meaning(bugcheck->code) : nullptr;
  for (std::size_t i = 0; meaning && i < 4; ++i) {
    if (meaning->parameters[i] != bugcheck_words::kRecord) continue;
    const std::uint64_t value = bugcheck->parameters[i];
    return record_at(machine, machine.is_64_bit() ? value : value & 0xffffffff);
  }
  return {};
}

}  // namespace

std::optional<dump::ExceptionRecord> exception_of(const target::Machine& machine) {
  const bool is_user_dump = machine.dump().kind == dump::Kind::minidump;
  if (!is_user_dump) {
    auto record = record_of_bugcheck(machine);
    if (record && record->code != 0) return record;
  }
  const auto& exception = machine.dump().exception;
  const bool is_of_use =
      exception && exception->code != 0 && (is_user_dump || exception->code != kBreakpoint);
  return is_of_use ? exception : std::nullopt;
}

}  // namespace ntstack::analysis
