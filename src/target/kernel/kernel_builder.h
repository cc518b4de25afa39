// A kernel built by hand in physical memory, for tests and benchmarks: page tables of any kind, an
// image with exports and data, what processors point to. From public descriptions of the formats;
// no kernel of Microsoft's is at hand.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "dump/dump.h"
#include "memory/page_tables.h"

namespace ntstack::target::building {

class KernelBuilder {
 public:
  explicit KernelBuilder(memory::Paging paging) : paging_(paging) {
    root_ = allocate();
    if (paging == memory::Paging::x86_pae) {
      // The table that maps itself is the fourth directory; the top table names all four.
      for (std::uint64_t i = 0; i < 4; ++i) directories_[i] = allocate();
      for (std::uint64_t i = 0; i < 4; ++i) {
        put(root_ + i * 8, directories_[i] | 1);
        put(directories_[3] + i * 8, directories_[i] | 0x63);
      }
    } else if (is_x86()) {
      put(root_ + 0x300 * 4, static_cast<std::uint32_t>(root_ | 0x63));
    } else {
      put(root_ + 0x1ed * 8, root_ | flags());
    }
  }

  bool is_x86() const { return paging_ == memory::Paging::x86 || is_pae(); }
  bool is_pae() const { return paging_ == memory::Paging::x86_pae; }
  base::Architecture architecture() const {
    if (is_x86()) return base::Architecture::x86;
    return paging_ == memory::Paging::arm64 ? base::Architecture::arm64 : base::Architecture::x64;
  }
  std::uint64_t word() const { return is_x86() ? 4 : 8; }
  std::uint64_t root() const { return root_; }
  std::uint64_t self_mapping_table() const { return is_pae() ? directories_[3] : root_; }

  // The next free page's physical address.
  std::uint64_t allocate() {
    next_ += 0x1000;
    memory_.resize(next_);
    return next_ - 0x1000;
  }
  template <class T>
  void put(std::uint64_t physical, T value) {
    std::memcpy(&memory_.at(physical + sizeof value - 1) - (sizeof value - 1), &value,
                sizeof value);
  }

  // Physical address of a page for that virtual one, mapped now if it was not.
  std::uint64_t page(std::uint64_t address) {
    const auto [known, is_new] = mapped_.try_emplace(address & ~std::uint64_t{0xfff}, 0);
    if (is_new) {
      known->second = allocate();
      map(known->first, known->second);
    }
    return known->second;
  }
  void map(std::uint64_t address, std::uint64_t physical) { set(address, physical | flags()); }
  void unmap(std::uint64_t address) { set(address, 0); }

  template <class T>
  void write(std::uint64_t address, T value) {
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(&value);
    for (std::size_t i = 0; i < sizeof value; ++i)
      put(page(address + i) + (address + i) % 0x1000, bytes[i]);
  }
  void write_pointer(std::uint64_t address, std::uint64_t value) {
    if (is_x86())
      write(address, static_cast<std::uint32_t>(value));
    else
      write(address, value);
  }
  void write_text(std::uint64_t address, const std::string& text) {
    for (std::size_t i = 0; i <= text.size(); ++i)
      write(address + i, i < text.size() ? text[i] : '\0');
  }

  // An image of five pages: headers, code (1000), data (2000, two pages), exports (4000).
  using Exports = std::vector<std::pair<std::string, std::uint32_t>>;
  void put_image(std::uint64_t base, const std::string& name, const Exports& exports = {});
  static constexpr std::uint32_t code = 0x1000, data = 0x2000, image_size = 0x5000;

  // KDDEBUGGER_DATA64 at `address`, its lists' heads in the image's data.
  void put_kdbg(std::uint64_t address, std::uint64_t base, std::uint32_t size);
  void put_shared_user_data(std::uint32_t major, std::uint32_t minor, std::uint32_t build);
  // An interrupt table whose first gate leads to `handler`.
  void put_interrupt_table(std::uint64_t address, std::uint64_t handler);
  void put_processor_region(std::uint64_t address, std::uint64_t prcb, std::uint64_t idt,
                            std::uint64_t version_block);
  // A module's entry in the list at `head`, as its only one.
  void put_module(std::uint64_t head, std::uint64_t entry, std::uint64_t base);

  // What a container says that names nothing. Its memory is the builder's.
  dump::Dump dump() const {
    dump::Dump dump;
    dump.kind = dump::Kind::elf;
    dump.architecture = architecture();
    dump.pae = is_pae();
    dump.physical_bytes = memory_.size();
    dump.physical = std::make_unique<base::SegmentSource>(std::vector<base::SegmentSource::Segment>{
        {0, base::Bytes::of(std::span<const std::uint8_t>(memory_))}});
    return dump;
  }
  const std::vector<std::uint8_t>& bytes() const { return memory_; }
  memory::PageTables tables(const dump::Dump& dump) const {
    return memory::PageTables(*dump.physical, paging_, root_);
  }

 private:
  // Valid, writable, accessed; on ARM64 a table or a page, accessed, inner shareable.
  std::uint64_t flags() const { return paging_ == memory::Paging::arm64 ? 0x703 : 0x63; }
  void set(std::uint64_t address, std::uint64_t entry) {
    if (paging_ == memory::Paging::x86) {
      const std::uint64_t table = next_table(root_ + (address >> 22) * 4);
      put(table + (address >> 12 & 0x3ff) * 4, static_cast<std::uint32_t>(entry));
      return;
    }
    std::uint64_t table = is_pae() ? directories_[address >> 30 & 3] : root_;
    const unsigned first = is_pae() ? 21 : paging_ == memory::Paging::x64_la57 ? 48 : 39;
    for (unsigned shift = first; shift > 12; shift -= 9)
      table = next_table(table + (address >> shift & 0x1ff) * 8);
    put(table + (address >> 12 & 0x1ff) * 8, entry);
  }
  std::uint64_t next_table(std::uint64_t slot) {
    std::uint64_t entry = 0;
    std::memcpy(&entry, &memory_.at(slot), paging_ == memory::Paging::x86 ? 4 : 8);
    if (entry != 0) return entry & 0xffff'ffff'f000;
    const std::uint64_t made = allocate();
    if (paging_ == memory::Paging::x86)
      put(slot, static_cast<std::uint32_t>(made | 0x63));
    else
      put(slot, made | flags());
    return made;
  }

  memory::Paging paging_;
  std::uint64_t next_ = 0x1000, root_ = 0;
  std::array<std::uint64_t, 4> directories_{};
  std::map<std::uint64_t, std::uint64_t> mapped_;
  std::vector<std::uint8_t> memory_ = std::vector<std::uint8_t>(0x1000);
};

inline void KernelBuilder::put_image(std::uint64_t base, const std::string& name,
                                     const Exports& exports) {
  const bool wide = !is_x86();
  for (std::uint64_t at = 0; at < image_size; at += 0x1000) page(base + at);
  write(base, std::uint16_t{0x5a4d});
  write(base + 0x3c, std::uint32_t{0x80});
  write(base + 0x80, std::uint32_t{0x4550});
  const std::uint16_t machine = architecture() == base::Architecture::x86   ? 0x14c
                                : architecture() == base::Architecture::x64 ? 0x8664
                                                                            : 0xaa64;
  write(base + 0x84, machine);
  write(base + 0x86, std::uint16_t{3});  // sections
  write(base + 0x88, std::uint32_t{0x12345678});
  const std::uint16_t optional_size = wide ? 0xf0 : 0xe0;
  write(base + 0x94, optional_size);
  const std::uint64_t optional = base + 0x98;
  write(optional, static_cast<std::uint16_t>(wide ? 0x20b : 0x10b));
  if (wide)
    write(optional + 0x18, base);
  else
    write(optional + 0x1c, static_cast<std::uint32_t>(base));
  write(optional + 0x20, std::uint32_t{0x1000});
  write(optional + 0x24, std::uint32_t{0x200});
  write(optional + 0x38, image_size);
  write(optional + 0x3c, std::uint32_t{0x1000});
  const std::uint64_t directories = optional + (wide ? 0x70 : 0x60);
  write(directories - 4, std::uint32_t{16});
  write(directories, std::uint32_t{0x4000});
  write(directories + 4, std::uint32_t{0x800});
  const std::uint32_t flags[] = {0x60000020, 0xc0000040, 0x40000040};
  const std::uint32_t begins[] = {code, data, 0x4000}, sizes[] = {0x1000, 0x2000, 0x1000};
  for (std::uint64_t i = 0; i < 3; ++i) {
    const std::uint64_t section = optional + optional_size + i * 0x28;
    write(section + 8, sizes[i]);
    write(section + 0xc, begins[i]);
    write(section + 0x10, sizes[i]);
    write(section + 0x14, begins[i]);
    write(section + 0x24, flags[i]);
  }
  const std::uint64_t directory = base + 0x4000;
  const auto count = static_cast<std::uint32_t>(exports.size());
  write(directory + 0xc, std::uint32_t{0x4800});
  write(directory + 0x10, std::uint32_t{1});
  write(directory + 0x14, count);
  write(directory + 0x18, count);
  write(directory + 0x1c, std::uint32_t{0x4100});
  write(directory + 0x20, std::uint32_t{0x4200});
  write(directory + 0x24, std::uint32_t{0x4300});
  write_text(base + 0x4800, name);
  for (std::uint32_t i = 0; i < count; ++i) {
    write(base + 0x4100 + i * 4, exports[i].second);
    write(base + 0x4200 + i * 4, 0x4900 + i * 0x40);
    write(base + 0x4300 + i * 2, static_cast<std::uint16_t>(i));
    write_text(base + 0x4900 + i * 0x40, exports[i].first);
  }
}

inline void KernelBuilder::put_kdbg(std::uint64_t address, std::uint64_t base, std::uint32_t size) {
  write(address + 0x10, std::uint32_t{0x4742444b});
  write(address + 0x14, size);
  const auto extended = [&](std::uint64_t value) {
    return is_x86() ? value | 0xffffffff'00000000 : value;
  };
  write(address + 0x18, extended(base));
  write(address + 0x48, extended(base + data + 0x10));
  write(address + 0x50, extended(base + data + 0x20));
}

inline void KernelBuilder::put_shared_user_data(std::uint32_t major, std::uint32_t minor,
                                                std::uint32_t build) {
  const std::uint64_t at = is_x86() ? 0xffdf0000 : 0xfffff780'00000000;
  constexpr std::u16string_view root = u"C:\\WINDOWS";
  for (std::size_t i = 0; i < root.size(); ++i)
    write(at + 0x30 + i * 2, static_cast<std::uint16_t>(root[i]));
  write(at + 0x260, build);
  write(at + 0x26c, major);
  write(at + 0x270, minor);
}

inline void KernelBuilder::put_interrupt_table(std::uint64_t address, std::uint64_t handler) {
  write(address, static_cast<std::uint16_t>(handler));
  write(address + 2, static_cast<std::uint16_t>(is_x86() ? 8 : 0x10));
  write(address + 5, std::uint8_t{0x8e});
  write(address + 6, static_cast<std::uint16_t>(handler >> 16));
  if (!is_x86()) write(address + 8, static_cast<std::uint32_t>(handler >> 32));
}

inline void KernelBuilder::put_processor_region(std::uint64_t address, std::uint64_t prcb,
                                                std::uint64_t idt, std::uint64_t version_block) {
  write_pointer(address + (is_x86() ? 0x1c : 0x18), address);
  write_pointer(address + 0x20, prcb);
  write_pointer(address + 0x38, idt);
  write_pointer(address + (is_x86() ? 0x34 : 0x108), version_block);
}

inline void KernelBuilder::put_module(std::uint64_t head, std::uint64_t entry, std::uint64_t base) {
  write_pointer(head, entry);
  write_pointer(head + word(), entry);
  write_pointer(entry, head);
  write_pointer(entry + word(), head);
  write_pointer(entry + (is_x86() ? 0x18 : 0x30), base);
  write(entry + (is_x86() ? 0x20 : 0x40), image_size);
}

}  // namespace ntstack::target::building
