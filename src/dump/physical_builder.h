// Builds small dumps of physical memory by hand, as dump_builder.h does the others: what is in them
// is what the test put there. The layouts are written out a second time, apart from the readers'.
#pragma once

#include <map>

#include "dump/dump_builder.h"

namespace ntstack::dump::building {

using Pages = std::map<std::uint64_t, Data>;  // by page number, 0x1000 bytes each

// A page whose every word tells its place.
inline Data page_of(std::uint64_t number) {
  Data page(0x1000);
  for (std::uint64_t i = 0; i < 0x200; ++i) {
    const std::uint64_t word = (number * 0x200 + i) * 0x9e3779b97f4a7c15;
    std::memcpy(&page[i * 8], &word, 8);
  }
  return page;
}

inline Pages pages_of(const std::vector<std::uint64_t>& numbers) {
  Pages pages;
  for (const std::uint64_t number : numbers) pages[number] = page_of(number);
  return pages;
}

struct Run {
  std::uint64_t first = 0;
  std::uint64_t count = 0;
};

inline std::vector<Run> runs_of(const Pages& pages) {
  std::vector<Run> runs;
  for (const auto& [number, page] : pages) {
    if (!runs.empty() && runs.back().first + runs.back().count == number) {
      ++runs.back().count;
    } else {
      runs.push_back({number, 1});
    }
  }
  return runs;
}

inline void append_pages(File& file, const Pages& pages) {
  for (const auto& [number, page] : pages) file.append(view(page));
}

// Kernel dumps: the header of `header`, and behind it what its dump_type says.
struct PhysicalBuilder {
  TriageBuilder header;
  Pages pages;
  bool pae = false;
  std::uint64_t bit_count = 0;   // bitmaps; 0: up to the last page
  std::uint8_t behind_bits = 0;  // what stands in the last byte's bits that don't count
  bool old_counts = false;       // type 2: 32-bit counts

  PhysicalBuilder() {
    header.comment = "physical";
    header.system_time = 0x1d707f23dbb3399;
    header.attributes = 0;
  }

  std::uint32_t header_size() const { return header.is_64_bit ? 0x2000 : 0x1000; }

  Data build() const {
    File file;
    file.fill_unset(0, header_size());
    TriageBuilder whole = header;
    whole.context = header.is_64_bit ? context() : context_of(0x14c);
    whole.put_header(file);
    if (!header.is_64_bit) file.put(0x5c, static_cast<std::uint8_t>(pae ? 1 : 0));
    if (header.dump_type == 1) {
      put_runs(file);
      append_pages(file, pages);
    } else if (header.dump_type >= 8 && header.dump_type <= 10) {
      put_rdmp(file);
    } else if (old_counts) {
      put_summary(file);
    } else {
      put_bitmap(file);
    }
    return file.take();
  }

 private:
  static Data context() {
    Data bytes = counting(0x4d0, 3);
    const std::uint32_t flags = 0x10001f;
    std::memcpy(bytes.data() + 0x30, &flags, 4);
    std::memcpy(bytes.data() + 0x118, bytes.data() + 0x34, 4);  // MxCsr stands there twice
    return bytes;
  }

  void put_runs(File& file) const {
    const bool wide = header.is_64_bit;
    const std::uint32_t at = wide ? 0x88 : 0x64;
    const auto runs = runs_of(pages);
    file.put32(at, runs.size());
    file.pointer(at + (wide ? 8 : 4), pages.size(), wide);
    for (std::size_t i = 0; i < runs.size(); ++i) {
      const std::size_t run = at + (wide ? 0x10 + i * 0x10 : 8 + i * 8);
      file.pointer(run, runs[i].first, wide);
      file.pointer(run + (wide ? 8 : 4), runs[i].count, wide);
    }
  }

  Data bits() const {
    const std::uint64_t count = bits_counted();
    Data out((count + 7) / 8);
    for (const auto& [number, page] : pages) {
      out[number / 8] |= std::byte{1} << (number % 8);
    }
    if (count % 8 != 0) out.back() |= static_cast<std::byte>(behind_bits << (count % 8));
    return out;
  }
  std::uint64_t bits_counted() const {
    return bit_count != 0 ? bit_count : pages.empty() ? 1 : pages.rbegin()->first + 1;
  }

  void put_bitmap(File& file) const {
    const std::uint32_t at = header_size();
    file.text(at, header.dump_type == 5 ? "FDMPDUMP" : "SDMPDUMP");
    file.bytes(at + 0x38, view(bits()));
    file.align(0x1000);
    file.put64(at + 0x20, file.size());
    file.put64(at + 0x28, pages.size());
    file.put64(at + 0x30, bits_counted());
    append_pages(file, pages);
  }

  void put_summary(File& file) const {
    const std::uint32_t at = header_size();
    file.text(at, "SDMPDUMP");
    file.bytes(at + (header.is_64_bit ? 0x28 : 0x20), view(bits()));
    file.align(0x1000);
    file.put32(at + 0xc, file.size());
    file.put32(at + 0x10, bits_counted());
    file.put32(at + 0x14, pages.size());
    file.put32(at + 0x18, bits_counted());
    append_pages(file, pages);
  }

  void put_rdmp(File& file) const {
    const std::uint32_t at = header_size();
    const auto runs = runs_of(pages);
    const bool complete = header.dump_type == 10;
    file.put32(at, 0x40);
    file.text(at + 4, "RDMPDUMP");
    for (std::size_t i = 0; i < runs.size(); ++i) {
      file.put64(at + 0x30 + i * 0x10, runs[i].first);
      file.put64(at + 0x38 + i * 0x10, runs[i].count);
    }
    if (complete) {
      file.put32(at + 0x20, runs.size());
      file.put64(at + 0x28, pages.size());
    } else {
      file.put64(at + 0x38 + runs.size() * 0x10, 0);  // page 0 ends the list
    }
    file.align(0x1000);
    file.put64(at + 0x10, file.size() - at - 0x20);
    file.put64(at + 0x18, file.size());
    append_pages(file, pages);
  }
};

// One range of an ELF core, LiME dump or VMware memory.
struct PhysicalRange {
  std::uint64_t address = 0;
  Data bytes;
  std::uint64_t virtual_address = 0;  // ELF
};

inline Data note(std::string_view name, std::uint32_t type, const Data& content) {
  File out;
  out.put32(0, name.size() + 1);
  out.put32(4, content.size());
  out.put32(8, type);
  out.text(12, name);
  out.grow(12 + name.size() + 1);
  out.align(4);
  out.append(view(content));
  out.align(4);
  return out.take();
}

// QEMU's note of a processor: rax is `seed`, rbx seed + 1, ... in QEMU's order; then rip, rflags,
// ten segments with selector and base, cr0 to cr4, and kernel_gs_base, which old versions lack.
inline Data qemu_state(std::uint64_t seed, bool has_kernel_gs = true) {
  File out;
  out.put32(0, 1);
  out.put32(4, has_kernel_gs ? 0x1b8 : 0x1b0);
  for (std::uint64_t i = 0; i < 18; ++i) out.put64(8 + i * 8, seed + i);
  for (std::uint64_t i = 0; i < 10; ++i) {
    out.put32(0x98 + i * 0x18, 0x10 + i);
    out.put64(0x98 + i * 0x18 + 0x10, seed * 16 + i);
  }
  for (std::uint64_t i = 0; i < 5; ++i) out.put64(0x188 + i * 8, seed * 32 + i);
  if (has_kernel_gs) out.put64(0x1b0, seed * 64);
  return out.take();
}

struct ElfBuilder {
  bool is_64_bit = true;
  std::uint16_t machine = 62;
  std::uint16_t type = 4;
  std::vector<PhysicalRange> ranges;
  std::vector<Data> notes;
  bool counts_in_section = false;  // as with 65535 program headers and more

  Data build() const {
    File file;
    const std::uint32_t ehdr = is_64_bit ? 0x40 : 0x34, phdr = is_64_bit ? 0x38 : 0x20;
    file.text(0,
              "\x7f"
              "ELF");
    file.put(4, static_cast<std::uint8_t>(is_64_bit ? 2 : 1));
    file.put(5, std::uint8_t{1});
    file.put(6, std::uint8_t{1});
    file.put(0x10, type);
    file.put(0x12, machine);
    const auto count = static_cast<std::uint16_t>(ranges.size() + 1);
    file.pointer(is_64_bit ? 0x20 : 0x1c, ehdr, is_64_bit);
    file.put(is_64_bit ? 0x36 : 0x2a, static_cast<std::uint16_t>(phdr));
    file.put(is_64_bit ? 0x38 : 0x2c, counts_in_section ? std::uint16_t{0xffff} : count);
    file.grow(ehdr + count * phdr);
    if (counts_in_section) {
      const std::uint32_t section = file.size();
      file.pointer(is_64_bit ? 0x28 : 0x20, section, is_64_bit);
      file.grow(section + 0x40);
      file.put32(section + (is_64_bit ? 0x2c : 0x1c), count);
    }
    Data all_notes;
    for (const Data& one : notes) all_notes.insert(all_notes.end(), one.begin(), one.end());
    put_segment(file, ehdr, 4, {0, all_notes, 0});
    for (std::size_t i = 0; i < ranges.size(); ++i) {
      put_segment(file, ehdr + (i + 1) * phdr, 1, ranges[i]);
    }
    return file.take();
  }

 private:
  void put_segment(File& file, std::size_t at, std::uint32_t kind,
                   const PhysicalRange& range) const {
    const std::size_t word = is_64_bit ? 8 : 4;
    const std::size_t first = is_64_bit ? 8 : 4;  // p_offset, p_vaddr, p_paddr, p_filesz, p_memsz
    file.put32(at, kind);
    file.pointer(at + first, file.append(view(range.bytes)), is_64_bit);
    file.pointer(at + first + word, range.virtual_address, is_64_bit);
    file.pointer(at + first + 2 * word, range.address, is_64_bit);
    file.pointer(at + first + 3 * word, range.bytes.size(), is_64_bit);
    file.pointer(at + first + 4 * word, range.bytes.size(), is_64_bit);
  }
};

inline Data lime_dump(const std::vector<PhysicalRange>& ranges) {
  File file;
  for (const PhysicalRange& range : ranges) {
    const std::uint32_t at = file.size();
    file.put32(at, 0x4c694d45);
    file.put32(at + 4, 1);
    file.put64(at + 8, range.address);
    file.put64(at + 16, range.address + range.bytes.size() - 1);
    file.put64(at + 24, 0);
    file.append(view(range.bytes));
  }
  return file.take();
}

// A VMware state: groups of tags. Values up to 61 bytes stand as they are, longer ones as blocks.
struct VmwareBuilder {
  struct Tag {
    std::string name;
    std::vector<std::uint32_t> index;
    Data bytes;
    bool is_block = false;
    bool is_compressed = false;
  };
  std::uint32_t magic = 0xbed2bed2;
  std::vector<std::pair<std::string, std::vector<Tag>>> groups;

  static Tag number(std::string name, std::vector<std::uint32_t> index, std::uint64_t value,
                    std::size_t size) {
    Data bytes(size);
    std::memcpy(bytes.data(), &value, size);
    return {std::move(name), std::move(index), std::move(bytes)};
  }

  Data build() const {
    File file;
    file.put32(0, magic);
    file.put32(4, 8);
    file.put32(8, groups.size());
    file.grow(12 + groups.size() * 80);
    for (std::size_t i = 0; i < groups.size(); ++i) {
      const std::uint32_t begin = file.size();
      file.text(12 + i * 80, groups[i].first);
      file.put64(12 + i * 80 + 64, begin);
      for (const Tag& tag : groups[i].second) put_tag(file, tag);
      file.put(file.size(), std::uint16_t{0});
      file.put64(12 + i * 80 + 72, file.size() - begin);
    }
    return file.take();
  }

 private:
  void put_tag(File& file, const Tag& tag) const {
    const std::size_t size = tag.is_compressed ? 62 : tag.is_block ? 63 : tag.bytes.size();
    file.put(file.size(), static_cast<std::uint8_t>(size | tag.index.size() << 6));
    file.put(file.size(), static_cast<std::uint8_t>(tag.name.size()));
    file.append(base::Bytes::of(tag.name));
    for (const std::uint32_t index : tag.index) file.put32(file.size(), index);
    if (size > 61) {
      const bool wide = magic != 0xbed0bed0;
      file.pointer(file.size(), tag.bytes.size(), wide);
      file.pointer(file.size(), tag.bytes.size(), wide);
      file.put(file.size(), std::uint16_t{3});
      file.grow(file.size() + 3);
    }
    file.append(view(tag.bytes));
  }
};

// A page that maps itself, as the top of x64's tables does: entry 0x1ed points to the page.
inline Data self_map_x64(std::uint64_t page) {
  Data out(0x1000);
  const auto put = [&](std::size_t index, std::uint64_t entry) {
    std::memcpy(&out[index * 8], &entry, 8);
  };
  put(0x1ed, page << 12 | 0x8000000000000063);
  put(0x1f0, 0x4000063);
  put(0x1ff, 0x5000063);
  return out;
}

}  // namespace ntstack::dump::building
