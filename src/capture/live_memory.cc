#include "capture/live_memory.h"

#include <algorithm>
#include <iterator>

namespace ntstack::capture {
namespace {

constexpr std::uint64_t kPage = 0x1000;
constexpr std::size_t kMostPages = 0x4000;     // 64 MB are kept, then all are read anew
constexpr std::size_t kMostRegions = 0x10000;  // the same

// The end of the region, `address` inside of it; never wraps.
std::uint64_t end_of(const MemoryRegion& region) {
  return region.size <= UINT64_MAX - region.address ? region.address + region.size : UINT64_MAX;
}

// What the system says of an address, held to it.
MemoryRegion ask(System& system, Handle process, std::uint64_t address) {
  const std::uint64_t page = address & ~(kPage - 1);
  const auto region = system.region(process, address);
  if (!region || region->address > address || end_of(*region) <= address)
    return {page, kPage, false};
  return *region;
}

}  // namespace

std::size_t DirectMemory::read(std::uint64_t address, std::span<std::byte> out) const {
  std::size_t done = 0;
  while (done < out.size() && done <= UINT64_MAX - address) {
    const MemoryRegion region = ask(*system_, process_, address + done);
    if (!region.committed) break;
    const std::uint64_t rest = end_of(region) - (address + done);
    const auto part = out.subspan(done).first(
        static_cast<std::size_t>(std::min<std::uint64_t>(rest, out.size() - done)));
    const std::size_t got = system_->read_memory(process_, address + done, part);
    done += std::min(got, part.size());
    if (got < part.size()) break;
  }
  return done;
}

MemoryRegion LiveMemory::region_of(std::uint64_t address) const {
  if (const auto after = regions_.upper_bound(address); after != regions_.begin())
    if (const MemoryRegion& region = std::prev(after)->second; end_of(region) > address)
      return region;
  if (regions_.size() >= kMostRegions) regions_.clear();
  const MemoryRegion region = ask(*system_, process_, address);
  regions_.insert_or_assign(region.address, region);
  return region;
}

const LiveMemory::Page& LiveMemory::page_at(std::uint64_t address) const {
  if (const auto known = pages_.find(address); known != pages_.end()) return known->second;
  if (pages_.size() >= kMostPages) pages_.clear();
  Page page;
  if (region_of(address).committed) {
    page.resize(kPage);
    page.resize(std::min<std::size_t>(system_->read_memory(process_, address, page), kPage));
  }
  return pages_.emplace(address, std::move(page)).first->second;
}

std::size_t LiveMemory::read(std::uint64_t address, std::span<std::byte> out) const {
  std::size_t done = 0;
  while (done < out.size() && done <= UINT64_MAX - address) {
    const std::uint64_t at = address + done;
    const auto offset = static_cast<std::size_t>(at & (kPage - 1));
    const Page& page = page_at(at - offset);
    if (offset >= page.size()) break;
    const std::size_t part = std::min(page.size() - offset, out.size() - done);
    std::copy_n(page.data() + offset, part, out.data() + done);
    done += part;
    if (page.size() < kPage) break;
  }
  return done;
}

std::uint64_t LiveMemory::hole_end(std::uint64_t address) const {
  const MemoryRegion region = region_of(address);
  if (!region.committed) return end_of(region);
  const std::uint64_t page = address & ~(kPage - 1);
  return page > UINT64_MAX - kPage ? UINT64_MAX : page + kPage;
}

}  // namespace ntstack::capture
