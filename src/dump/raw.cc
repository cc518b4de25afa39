#include "dump/raw.h"

#include "dump/header.h"
#include "dump/self_map.h"

namespace ntstack::dump {

namespace {

constexpr std::size_t least_size = 1 << 20;  // what no machine has less of

}  // namespace

std::optional<Dump> parse_raw(base::Bytes file) {
  if (file.size() < least_size || file.size() % page_size != 0) return std::nullopt;
  Dump dump;
  dump.kind = Kind::raw;
  dump.physical_bytes = file.size();
  dump.physical =
      std::make_unique<base::SegmentSource>(std::vector<base::SegmentSource::Segment>{{0, file}});
  if (!take_self_map(dump)) return std::nullopt;
  return dump;
}

}  // namespace ntstack::dump
