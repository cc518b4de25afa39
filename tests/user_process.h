// For tests: processes in physical memory, laid out by hand. The page tables are x64's four levels;
// what is in the pages, and so the truth, is the test's.
#pragma once

#include <cstring>
#include <memory>
#include <vector>

#include "base/byte_source.h"
#include "dump/dump.h"
#include "symbols/symbolizer.h"

namespace ntstack::tests {

// Physical pages from 0 on, and tables that map virtual ones to them.
class PhysicalMemory {
 public:
  // An empty page's address: a process's tables begin with one.
  std::uint64_t new_page() {
    bytes_.resize(bytes_.size() + 0x1000);
    return bytes_.size() - 0x1000;
  }
  // Into the page of a virtual address, which is made where it is not there.
  template <class T>
  void put(std::uint64_t root, std::uint64_t address, T value) {
    std::uint64_t table = root;
    for (const unsigned shift : {39u, 30u, 21u, 12u}) table = entry(table, address >> shift & 511);
    std::memcpy(&bytes_[table + address % 0x1000], &value, sizeof value);
  }
  // The 512 GB around `address` are in `to` what they are in `from`.
  void share(std::uint64_t from, std::uint64_t to, std::uint64_t address) {
    const std::uint64_t place = 8 * (address >> 39 & 511);
    std::memcpy(&bytes_[to + place], &bytes_[from + place], 8);
  }
  // A memory dump's; what is put afterwards is not in it.
  dump::Dump dump_of(std::uint64_t root) const {
    dump::Dump dump;
    dump.kind = dump::Kind::full;
    dump.architecture = base::Architecture::x64;
    dump.build = 19041;
    dump.directory_table_base = root;
    dump.physical = std::make_unique<base::SegmentSource>(
        std::vector<base::SegmentSource::Segment>{{0, base::Bytes(std::span(bytes_))}});
    return dump;
  }

 private:
  std::uint64_t entry(std::uint64_t table, std::uint64_t index) {
    std::uint64_t value;
    std::memcpy(&value, &bytes_[table + 8 * index], 8);
    if (value == 0) {
      value = new_page() | 0x67;
      std::memcpy(&bytes_[table + 8 * index], &value, 8);
    }
    return value & ~std::uint64_t{0xfff};
  }
  std::vector<std::byte> bytes_ = std::vector<std::byte>(0x1000);
};

// By what the loader lists alone: no files are looked for.
inline std::unique_ptr<symbols::Symbolizer> symbolizer_of(
    const std::vector<dump::ModuleRecord>& modules, const base::ByteSource& memory) {
  std::vector<symbols::ModuleKey> keys;
  for (const dump::ModuleRecord& module : modules) {
    keys.emplace_back();
    keys.back().name = module.path.substr(module.path.rfind('\\') + 1);
    keys.back().base = module.base;
    keys.back().size = module.size;
  }
  return std::make_unique<symbols::Symbolizer>(std::move(keys), symbols::Places{{}, {}, &memory});
}

}  // namespace ntstack::tests
