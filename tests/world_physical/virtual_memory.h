// Pages by virtual address: what a machine's memory holds before it gets its place in physical
// memory.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <span>
#include <stdexcept>

namespace ntstack::world {

using Page = std::array<std::uint8_t, 0x1000>;

class VirtualMemory {
 public:
  void map(std::uint64_t address, std::uint64_t size) {
    for (std::uint64_t at = address & ~0xfffull; at < address + size; at += 0x1000) {
      auto& page = pages_[at];
      if (!page) page = std::make_unique<Page>(Page{});
    }
  }
  // Throws where a page is not mapped.
  void write(std::uint64_t address, std::span<const std::uint8_t> bytes) {
    for (std::size_t done = 0; done < bytes.size();) {
      const std::uint64_t at = address + done;
      const std::size_t size = std::min<std::size_t>(bytes.size() - done, 0x1000 - at % 0x1000);
      std::memcpy(page(at).data() + at % 0x1000, &bytes[done], size);
      done += size;
    }
  }
  template <class T>
  void put(std::uint64_t address, T value) {
    write(address, {reinterpret_cast<const std::uint8_t*>(&value), sizeof value});
  }
  std::uint64_t get(std::uint64_t address) const {  // within a page
    std::uint64_t value;
    std::memcpy(&value, page(address).data() + address % 0x1000, sizeof value);
    return value;
  }
  const std::map<std::uint64_t, std::unique_ptr<Page>>& pages() const { return pages_; }

 private:
  Page& page(std::uint64_t address) const {
    const auto found = pages_.find(address & ~0xfffull);
    if (found == pages_.end()) throw std::runtime_error("a page that is not mapped");
    return *found->second;
  }
  std::map<std::uint64_t, std::unique_ptr<Page>> pages_;
};

}  // namespace ntstack::world
