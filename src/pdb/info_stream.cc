#include "pdb/info_stream.h"

#include "pdb/cursor.h"

namespace ntstack::pdb {
namespace {

constexpr std::uint32_t kFeatureVc110 = 20091201;
constexpr std::uint32_t kFeatureVc140 = 20140508;
constexpr std::uint32_t kFeatureMinimalDebugInfo = 0x494e494d;  // "MINI"
constexpr std::uint32_t kOldestVersionWithGuid = 19990604;      // VC70 of before release

// A serialized hash table: counts, a bit vector of taken buckets, one of deleted ones, and the
// pairs of the taken ones. The keys are offsets into the names before it.
void read_named_streams(Cursor& cursor, InfoStream& info) {
  const std::uint32_t names_size = cursor.u32();
  const base::Bytes names = cursor.bytes(names_size);
  const std::uint32_t count = cursor.u32();
  cursor.u32();  // capacity
  for (int bit_vector = 0; bit_vector < 2; ++bit_vector) {
    const std::uint64_t words = cursor.u32();
    cursor.skip(words * 4);
  }
  for (std::uint32_t i = 0; i < count && cursor.ok(); ++i) {
    const std::uint32_t name_at = cursor.u32();
    const std::uint32_t stream = cursor.u32();
    const auto name = names.terminated_text(name_at);
    if (cursor.ok() && name) info.named_streams.emplace_back(*name, stream);
  }
}

}  // namespace

std::optional<std::uint32_t> InfoStream::stream_named(std::string_view name) const {
  for (const auto& [each, stream] : named_streams) {
    if (each == name) return stream;
  }
  return std::nullopt;
}

base::Result<InfoStream> read_info_stream(base::Bytes stream) {
  Cursor cursor(stream);
  InfoStream info;
  info.version = cursor.u32();
  info.signature = cursor.u32();
  info.age = cursor.u32();
  info.guid = cursor.take<base::Guid>();
  if (!cursor.ok()) return base::fail("the PDB's info stream is cut short");
  if (info.version < kOldestVersionWithGuid)
    return base::fail("a PDB of version {} (before Visual C++ 7) is not supported", info.version);
  read_named_streams(cursor, info);

  // A count of names may come first; it is no feature's number.
  while (cursor.ok() && !cursor.at_end()) {
    const std::uint32_t feature = cursor.u32();
    if (feature == kFeatureVc110 || feature == kFeatureVc140) info.has_ids = true;
    if (feature == kFeatureMinimalDebugInfo) info.fast_link = true;
  }
  return info;
}

}  // namespace ntstack::pdb
