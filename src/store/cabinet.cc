#include "store/cabinet.h"

#include "base/text.h"
#include "store/cabinet_library.h"

namespace ntstack::store {
namespace {

// CFHEADER of Microsoft's cabinet format.
constexpr std::uint64_t kSizeAt = 8;  // cbCabinet, 32 bits
constexpr std::size_t kHeaderSize = 36;

base::Result<std::size_t> pick_member(std::span<const CabinetMember> members,
                                      std::string_view name) {
  for (std::size_t i = 0; i < members.size(); ++i)
    if (base::equals_ignoring_case(base::file_name_of(members[i].name), name)) return i;
  if (members.size() == 1) return std::size_t{0};
  return base::fail("none of the {} files in the cabinet is called {}", members.size(),
                    base::printable(name));
}

}  // namespace

bool is_cabinet(base::Bytes file) {
  return file.size() >= 4 && file.get_or<std::uint32_t>(0, 0) == 0x4643'534d;  // "MSCF"
}

std::uint64_t cabinet_size(base::Bytes head) {
  if (!is_cabinet(head) || head.size() < kHeaderSize) return 0;
  return head.get_or<std::uint32_t>(kSizeAt, 0);
}

base::Result<void> expand_cabinet(base::Bytes cabinet, std::string_view name, std::uint64_t most,
                                  const TakeBytes& take) {
  if (!is_cabinet(cabinet)) return base::fail("it is no cabinet");
  // The libraries see bytes behind the file's end as the end of a block.
  const std::uint64_t size = cabinet_size(cabinet);
  if (size > cabinet.size())
    return base::fail("the cabinet is cut off: {} bytes of {}", cabinet.size(), size);
  std::uint64_t expected = 0, taken = 0;
  bool was_refused = false;
  const auto pick = [&](std::span<const CabinetMember> members) -> base::Result<std::size_t> {
    const auto picked = pick_member(members, name);
    if (!picked) return picked;
    expected = members[*picked].size;
    if (expected > most)
      return base::fail("it would expand to {} bytes, more than the {} that are allowed", expected,
                        most);
    return picked;
  };
  const auto count = [&](base::Bytes bytes) {
    if (bytes.size() > expected - taken) return false;
    taken += bytes.size();
    was_refused = !take(bytes);
    return !was_refused;
  };
  if (const auto expanded = expand_member(cabinet, pick, count); !expanded) {
    if (was_refused) return base::fail("the expanded bytes were refused");
    return expanded;
  }
  if (taken != expected)
    return base::fail("the cabinet ends after {} bytes of {}", taken, expected);
  return {};
}

}  // namespace ntstack::store
