#include "dump/vmware.h"

#include <algorithm>
#include <map>

#include "dump/header.h"
#include "dump/records.h"
#include "dump/self_map.h"
#include "dump/vmware_processors.h"
#include "dump/vmware_tags.h"

namespace ntstack::dump {

namespace {

constexpr std::size_t most_regions = 1024;  // real machines have up to three

// A stretch of the guest's memory: where it is there, and where in the file. All in pages.
struct Region {
  std::uint64_t guest = 0;
  std::uint64_t file = 0;
  std::uint64_t size = 0;
};

class StateReader {
 public:
  StateReader(base::Bytes state, base::Bytes memory) : state_(state), memory_(memory) {}
  base::Result<Dump> read();

 private:
  void take_memory_tag(const VmwareTag& tag);
  void gather_memory();

  base::Bytes state_, memory_;
  bool compressed_ = false;
  std::uint64_t region_count_ = 0;
  std::map<std::uint32_t, Region> regions_;
  Dump dump_;
};

void StateReader::take_memory_tag(const VmwareTag& tag) {
  if (tag.name == "Memory" && tag.is_block) {
    if (tag.is_compressed) compressed_ = true;
    if (memory_.empty() && !tag.is_compressed) memory_ = tag.bytes;
  }
  if (tag.name == "regionsCount") region_count_ = tag.value();
  if (tag.index_count != 1 || tag.index[0] >= most_regions) return;
  if (tag.name == "regionPPN") regions_[tag.index[0]].guest = tag.value();
  if (tag.name == "regionPageNum") regions_[tag.index[0]].file = tag.value();
  if (tag.name == "regionSize") regions_[tag.index[0]].size = tag.value();
}

// Without regions the memory has no hole.
void StateReader::gather_memory() {
  MemoryPieces pieces(memory_.size());
  std::uint64_t cut = 0, taken = 0;
  for (const auto& [index, region] : regions_) {
    if (index >= region_count_ || region.size == 0) continue;
    const std::uint64_t size = region.size * page_size;  // each is a 32-bit count of pages
    const base::Bytes bytes = memory_.clamp(region.file * page_size, size);
    pieces.add(region.guest * page_size, bytes);
    if (bytes.size() < size) ++cut;
    ++taken;
  }
  if (taken == 0) pieces.add(0, memory_);
  if (cut != 0) {
    dump_.warnings.push_back(
        fmt::format("{} regions of memory lie wholly or partly behind the end of the file",
                    count_of(cut, taken)));
  }
  if (taken < region_count_ && region_count_ != 0) {
    dump_.warnings.push_back(
        fmt::format("{} regions of memory are described", count_of(taken, region_count_)));
  }
  dump_.physical_bytes = pieces.bytes();
  dump_.physical = std::move(pieces).source();
}

base::Result<Dump> StateReader::read() {
  dump_.kind = Kind::vmware;
  for_each_vmware_tag(state_, "memory", [&](const VmwareTag& tag) { take_memory_tag(tag); });
  if (memory_.empty()) {
    if (compressed_) {
      return base::fail("a VMware state whose memory is compressed, which is not understood");
    }
    return base::fail(
        "a VMware state without the memory: put the .vmem file of the same name beside it");
  }
  gather_memory();
  take_self_map(dump_);
  read_vmware_processors(state_, dump_);
  return std::move(dump_);
}

}  // namespace

base::Result<Dump> parse_vmware(base::Bytes state, base::Bytes memory) {
  return StateReader(state, memory).read();
}

}  // namespace ntstack::dump
