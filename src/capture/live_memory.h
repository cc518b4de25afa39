// The memory of a running process as it is read, page by page: what was read is kept, so that one
// walk sees one state of it. Pages that a read would change (guard pages) are left alone.
#pragma once

#include <cstdint>
#include <map>
#include <unordered_map>
#include <vector>

#include "base/byte_source.h"
#include "capture/system.h"

namespace ntstack::capture {

// Every read asks the process. `process` has PROCESS_QUERY_INFORMATION and PROCESS_VM_READ; both
// outlive the source.
class DirectMemory : public base::ByteSource {
 public:
  DirectMemory(System& system, Handle process) : system_(&system), process_(process) {}
  std::size_t read(std::uint64_t address, std::span<std::byte> out) const override;

 private:
  System* system_;
  Handle process_;
};

class LiveMemory : public base::ByteSource {
 public:
  LiveMemory(System& system, Handle process) : system_(&system), process_(process) {}

  std::size_t read(std::uint64_t address, std::span<std::byte> out) const override;
  std::uint64_t hole_end(std::uint64_t address) const override;

 private:
  using Page = std::vector<std::byte>;  // shorter than a page, or empty, where a read ended

  const Page& page_at(std::uint64_t address) const;
  MemoryRegion region_of(std::uint64_t address) const;

  System* system_;
  Handle process_;
  mutable std::unordered_map<std::uint64_t, Page> pages_;  // by address
  mutable std::map<std::uint64_t, MemoryRegion> regions_;  // by address, without overlaps
};

}  // namespace ntstack::capture
