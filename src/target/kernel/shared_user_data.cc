#include "target/kernel/shared_user_data.h"

#include <array>

namespace ntstack::target {
namespace {

using base::Architecture;

constexpr std::uint64_t kAddress64 = 0xfffff780'00000000, kAddress32 = 0xffdf0000;
constexpr std::uint64_t kImageNumber = 0x2c;  // the range of machines whose images run: two numbers
constexpr std::uint64_t kSystemRoot = 0x30;   // "C:\WINDOWS", UTF-16
constexpr std::uint64_t kBuild = 0x260, kMajor = 0x26c, kMinor = 0x270;
constexpr std::uint32_t kFirstMajor = 5, kLastMajor = 12, kLastMinor = 9;

bool has_machine(const base::ByteSource& memory, std::uint64_t address, Architecture architecture) {
  const auto low = memory.get<std::uint16_t>(address + kImageNumber);
  const auto high = memory.get<std::uint16_t>(address + kImageNumber + 2);
  return low && high && base::architecture_of_machine(*low) == architecture &&
         base::architecture_of_machine(*high) == architecture;
}

bool has_system_root(const base::ByteSource& memory, std::uint64_t address) {
  const auto text = memory.get<std::array<char16_t, 3>>(address + kSystemRoot);
  if (!text) return false;
  const char16_t drive = (*text)[0] | 0x20;
  return drive >= u'a' && drive <= u'z' && (*text)[1] == u':' && (*text)[2] == u'\\';
}

}  // namespace

std::optional<SharedUserData> read_shared_user_data(const base::ByteSource& memory,
                                                    Architecture architecture) {
  const std::uint64_t address = base::is_64_bit(architecture) ? kAddress64 : kAddress32;
  const auto major = memory.get<std::uint32_t>(address + kMajor);
  const auto minor = memory.get<std::uint32_t>(address + kMinor);
  if (!major || !minor || *major < kFirstMajor || *major > kLastMajor || *minor > kLastMinor)
    return std::nullopt;
  if (!has_machine(memory, address, architecture) && !has_system_root(memory, address))
    return std::nullopt;
  SharedUserData found{*major, *minor, 0};
  if (*major >= 10) found.build = memory.get<std::uint32_t>(address + kBuild).value_or(0);
  return found;
}

}  // namespace ntstack::target
