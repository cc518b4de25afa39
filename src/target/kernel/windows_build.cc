#include "target/kernel/windows_build.h"

#include <algorithm>
#include <charconv>

#include "pe/image.h"
#include "target/kernel/shared_user_data.h"

namespace ntstack::target {
namespace {

// NT 3.1 was 511; the bits above are the kind of build (f free, c checked).
constexpr std::uint32_t kBuildBits = 0x0fffffff, kFirst = 500, kLast = 999'999;
constexpr std::uint32_t kFixedVersion = 0xfeef04bd;  // VS_FIXEDFILEINFO
constexpr std::size_t kMostResources = 0x100000;
constexpr auto kResourceDirectory = static_cast<pe::Directory>(2);

bool is_build(std::uint32_t value) { return value >= kFirst && value <= kLast; }

// "19041.vb_release.191206-1406": the number that the text begins with.
std::uint32_t leading_number(const base::ByteSource& memory, std::uint64_t address) {
  std::uint32_t value = 0;
  const auto text = memory.copy(address, 8);
  const std::string_view view = base::Bytes(std::span(text)).text(0);
  const auto [end, error] = std::from_chars(view.data(), view.data() + view.size(), value);
  const bool is_whole = error == std::errc() && end != view.data() + view.size() && *end == '.';
  return is_whole ? value : 0;
}

// The file version's third part.
std::uint32_t version_resource(const base::ByteSource& memory, const KernelImage& nt) {
  const auto image = pe::Image::from_memory(memory, nt.base);
  if (!image) return 0;
  const pe::DataDirectory where = image->directory(kResourceDirectory);
  if (where.rva == 0 || where.rva >= nt.size) return 0;
  const auto bytes =
      memory.copy(nt.base + where.rva, std::min<std::size_t>(where.size, kMostResources));
  const base::Bytes resources{std::span<const std::byte>(bytes)};
  for (std::size_t at = 0; at + 0x10 <= resources.size(); at += 4) {
    if (resources.get_or<std::uint32_t>(at, 0) == kFixedVersion)
      return resources.get_or<std::uint32_t>(at + 0xc, 0) >> 16;
  }
  return 0;
}

}  // namespace

std::optional<BuildFound> find_build(const base::ByteSource& memory, const KernelImage& nt,
                                     const KernelExports& exports, std::uint64_t build_lab,
                                     base::Architecture architecture) {
  if (const auto at = exports.address_of("NtBuildNumber")) {
    const auto value = memory.get<std::uint32_t>(*at).value_or(0) & kBuildBits;
    if (is_build(value)) return BuildFound{value, "nt!NtBuildNumber"};
  }
  if (const auto shared = read_shared_user_data(memory, architecture);
      shared && is_build(shared->build))
    return BuildFound{shared->build, "KUSER_SHARED_DATA"};
  if (build_lab != 0) {
    if (const std::uint32_t value = leading_number(memory, build_lab); is_build(value))
      return BuildFound{value, "nt!NtBuildLab"};
  }
  if (const std::uint32_t value = version_resource(memory, nt); is_build(value))
    return BuildFound{value, "nt's version resource"};
  return std::nullopt;
}

}  // namespace ntstack::target
