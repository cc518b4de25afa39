// Builds PDBs byte by byte for tests: sound ones, and ones that lie.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/guid.h"
#include "pdb/hash.h"

namespace ntstack::pdb::testing {

// Bytes that grow: put<std::uint32_t>(7).text("name").align(4)
class Blob {
 public:
  template <class T>
  Blob& put(T value) {
    const auto* from = reinterpret_cast<const std::byte*>(&value);
    for (std::size_t i = 0; i < sizeof(T); ++i) bytes_.push_back(from[i]);
    return *this;
  }
  Blob& u8(std::uint32_t value) { return put(static_cast<std::uint8_t>(value)); }
  Blob& u16(std::uint32_t value) { return put(static_cast<std::uint16_t>(value)); }
  Blob& u32(std::uint32_t value) { return put(value); }
  Blob& text(std::string_view text) {
    for (const char c : text) put(c);
    return put('\0');
  }
  Blob& zeros(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) bytes_.push_back({});
    return *this;
  }
  Blob& align(std::size_t to) { return zeros((to - bytes_.size() % to) % to); }
  Blob& add(const Blob& other) {
    for (std::size_t i = 0, count = other.size(); i < count; ++i) bytes_.push_back(other.bytes_[i]);
    return *this;
  }
  Blob& set_u32(std::size_t at, std::uint32_t value) {
    std::memcpy(bytes_.data() + at, &value, sizeof value);
    return *this;
  }
  std::size_t size() const { return bytes_.size(); }
  base::Bytes bytes() const { return {bytes_.data(), bytes_.size()}; }

 private:
  std::vector<std::byte> bytes_;
};

// A symbol or type record: length, kind, fields, padding to four bytes.
inline Blob record(std::uint16_t kind, const Blob& fields) {
  Blob padded = fields;
  while ((padded.size() + 4) % 4) padded.u8(0);
  Blob whole;
  whole.u16(static_cast<std::uint32_t>(padded.size() + 2)).u16(kind).add(padded);
  return whole;
}

inline Blob procedure_record(std::uint32_t offset, std::uint32_t size, std::string_view name,
                             std::uint32_t end = 0, std::uint16_t section = 1) {
  Blob fields;
  fields.u32(0).u32(end).u32(0).u32(size).zeros(12).u32(offset).u16(section).u8(0).text(name);
  return record(0x1110, fields);
}

inline Blob public_record(std::uint32_t offset, std::string_view name, std::uint32_t flags = 2,
                          std::uint16_t section = 1) {
  return record(0x110e, Blob().u32(flags).u32(offset).u16(section).text(name));
}

// Lays streams out in blocks behind the superblock. `scattered`: no two blocks of a stream
// together.
inline Blob msf(const std::vector<Blob>& streams, std::uint32_t block_size = 512,
                bool scattered = false) {
  std::vector<Blob> blocks(3);  // the superblock and the two free block maps
  const auto place = [&](const Blob& stream) {
    std::vector<std::uint32_t> numbers;
    for (std::size_t at = 0; at < stream.size(); at += block_size) {
      Blob block;
      for (const std::byte each : stream.bytes().clamp(at, block_size).span()) block.put(each);
      if (scattered) blocks.emplace_back();
      numbers.push_back(static_cast<std::uint32_t>(blocks.size()));
      blocks.push_back(block);
    }
    return numbers;
  };
  Blob directory, lists;
  directory.u32(static_cast<std::uint32_t>(streams.size()));
  for (const Blob& stream : streams) {
    directory.u32(static_cast<std::uint32_t>(stream.size()));
    for (const std::uint32_t number : place(stream)) lists.u32(number);
  }
  directory.add(lists);
  Blob directory_list;
  for (const std::uint32_t number : place(directory)) directory_list.u32(number);
  const std::vector<std::uint32_t> list_blocks = place(directory_list);

  for (const char c : std::string_view("Microsoft C/C++ MSF 7.00\r\n\x1a"
                                       "DS\0\0\0",
                                       32))
    blocks[0].put(c);
  blocks[0].u32(block_size).u32(1).u32(static_cast<std::uint32_t>(blocks.size()));
  blocks[0].u32(static_cast<std::uint32_t>(directory.size())).u32(0);
  for (const std::uint32_t number : list_blocks) blocks[0].u32(number);
  Blob file;
  for (Blob& block : blocks) file.add(block.zeros(block_size - block.size()));
  return file;
}

inline Blob info_stream(const std::vector<std::pair<std::string, std::uint32_t>>& named = {},
                        const std::vector<std::uint32_t>& features = {20140508}) {
  Blob names, pairs;
  for (const auto& [name, stream] : named) {
    pairs.u32(static_cast<std::uint32_t>(names.size())).u32(stream);
    names.text(name);
  }
  Blob info;
  info.u32(20000404).u32(0x5eed).u32(3).put(base::Guid{1, 2, 3, {4, 5, 6, 7, 8, 9, 10, 11}});
  info.u32(static_cast<std::uint32_t>(names.size())).add(names);
  info.u32(static_cast<std::uint32_t>(named.size()))
      .u32(static_cast<std::uint32_t>(named.size() + 1));
  info.u32(1).u32(0xffff).u32(0).add(pairs);
  for (const std::uint32_t feature : features) info.u32(feature);
  return info;
}

inline Blob name_table(const Blob& strings) {
  return Blob().u32(0xeffeeffe).u32(1).u32(static_cast<std::uint32_t>(strings.size())).add(strings);
}

// The hash of global symbols: records' names and their offsets in the stream of symbols.
inline Blob global_hash(const std::vector<std::pair<std::string, std::uint32_t>>& symbols) {
  std::vector<std::vector<std::uint32_t>> buckets(4096);
  for (const auto& [name, offset] : symbols) buckets[name_hash(name) % 4096].push_back(offset);
  std::vector<std::uint32_t> bitmap(129);
  Blob entries, starts;
  std::uint32_t count = 0;
  for (std::uint32_t i = 0; i < buckets.size(); ++i) {
    if (buckets[i].empty()) continue;
    bitmap[i / 32] |= 1U << (i % 32);
    starts.u32(count * 12);
    for (const std::uint32_t offset : buckets[i]) entries.u32(offset + 1).u32(1);
    count += static_cast<std::uint32_t>(buckets[i].size());
  }
  Blob hash;
  hash.u32(0xffffffff).u32(0xeffe0000 + 19990810).u32(static_cast<std::uint32_t>(entries.size()));
  hash.u32(static_cast<std::uint32_t>(129 * 4 + starts.size())).add(entries);
  for (const std::uint32_t word : bitmap) hash.u32(word);
  return hash.add(starts);
}

inline Blob section_header(std::uint32_t rva, std::uint32_t size) {
  return Blob().zeros(8).u32(size).u32(rva).u32(size).zeros(20);
}

// One C13 subsection of a module.
inline Blob subsection(std::uint32_t kind, const Blob& content) {
  Blob blob;
  blob.u32(kind).u32(static_cast<std::uint32_t>(content.size())).add(content);
  return blob.align(4);
}

struct BuiltLine {
  std::uint32_t offset, line;
};
// DEBUG_S_LINES of one file, given by its offset in the checksums.
inline Blob lines_subsection(std::uint32_t offset, std::uint32_t size, std::uint32_t file,
                             const std::vector<BuiltLine>& lines, bool has_columns = false) {
  const auto count = static_cast<std::uint32_t>(lines.size());
  Blob blob;
  blob.u32(offset).u16(1).u16(has_columns).u32(size);
  blob.u32(file).u32(count).u32(12 + count * (has_columns ? 12 : 8));
  for (const BuiltLine& each : lines) blob.u32(each.offset).u32(each.line | 0x80000000U);
  if (has_columns) blob.zeros(count * 4U);
  return subsection(0xf2, blob);
}

// TPI or IPI of records from 0x1000 on; without hashes.
inline Blob type_stream(const std::vector<Blob>& records) {
  Blob all;
  for (const Blob& each : records) all.add(each);
  Blob stream;
  stream.u32(20040203).u32(56).u32(0x1000).u32(0x1000 + static_cast<std::uint32_t>(records.size()));
  stream.u32(static_cast<std::uint32_t>(all.size())).u16(0xffff).u16(0xffff).u32(4).u32(0x3ffff);
  return stream.zeros(24).add(all);
}

// A whole PDB of one section at RVA 0x1000, of 0x2000 bytes, unless told.
class PdbBuilder {
 public:
  struct Module {
    std::string name = "a.obj";
    Blob symbols;      // without the signature
    Blob subsections;  // C13
  };

  std::vector<std::pair<std::string, std::uint32_t>> globals;  // name, offset in `symbols`
  std::vector<std::pair<std::string, std::uint32_t>> publics;  // name, by address
  Blob symbols;
  std::vector<Module> modules;
  Blob contributions;
  Blob sections = section_header(0x1000, 0x2000);
  Blob sections_original, omap_to_source, omap_from_source, fpo, new_fpo;
  Blob strings;
  Blob types, type_hashes, items;
  std::uint16_t machine = 0x8664;

  void add_public(std::uint32_t offset, const std::string& name, std::uint32_t flags = 2) {
    publics.emplace_back(name, static_cast<std::uint32_t>(symbols.size()));
    symbols.add(public_record(offset, name, flags));
  }
  void add_global(const std::string& name, const Blob& global) {
    globals.emplace_back(name, static_cast<std::uint32_t>(symbols.size()));
    symbols.add(global);
  }
  void contribute(std::uint32_t module, std::uint32_t offset, std::uint32_t size,
                  std::uint16_t section = 1) {
    contributions.u16(section).u16(0).u32(offset).u32(size).u32(0x60000020).u16(module).zeros(10);
  }

  Blob build(bool scattered = false) const {
    std::vector<Blob> streams(5);
    streams[2] = types;
    streams[4] = items;
    const auto add = [&](const Blob& stream) {
      if (stream.size() == 0) return 0xffffU;
      streams.push_back(stream);
      return static_cast<std::uint32_t>(streams.size() - 1);
    };
    // The type stream's header names the stream of its hashes.
    if (const std::uint32_t hashes = add(type_hashes); hashes != 0xffffU && streams[2].size() > 22)
      streams[2].set_u32(20, 0xffff0000U | hashes);
    streams[1] = info_stream({{"/names", add(name_table(strings))}});

    Blob list;
    for (const Module& module : modules) {
      Blob stream = Blob().u32(4).add(module.symbols);
      const auto symbols_size = static_cast<std::uint32_t>(stream.size());
      stream.add(module.subsections);
      list.zeros(32).u16(0).u16(add(stream)).u32(symbols_size).u32(0);
      list.u32(static_cast<std::uint32_t>(module.subsections.size())).zeros(16);
      list.text(module.name).text("").align(4);
    }
    Blob addresses;
    for (const auto& [name, offset] : publics) addresses.u32(offset);
    const Blob public_hash = global_hash(publics);
    Blob public_stream;
    public_stream.u32(static_cast<std::uint32_t>(public_hash.size()));
    public_stream.u32(static_cast<std::uint32_t>(addresses.size())).zeros(20);
    public_stream.add(public_hash).add(addresses);

    Blob contributed;
    if (contributions.size()) contributed.u32(0xeffe0000 + 19970605).add(contributions);
    Blob debug;
    debug.u16(add(fpo)).u16(0xffff).u16(0xffff).u16(add(omap_to_source)).u16(add(omap_from_source));
    debug.u16(add(sections)).u16(0xffff).u16(0xffff).u16(0xffff).u16(add(new_fpo));
    debug.u16(add(sections_original));

    Blob dbi;
    dbi.u32(0xffffffff).u32(19990903).u32(7).u16(add(global_hash(globals))).u16(0);
    dbi.u16(add(public_stream)).u16(0).u16(add(symbols)).u16(0);
    dbi.u32(static_cast<std::uint32_t>(list.size()));
    dbi.u32(static_cast<std::uint32_t>(contributed.size())).zeros(16);
    dbi.u32(static_cast<std::uint32_t>(debug.size())).u32(0).u16(0).u16(machine).u32(0);
    streams[3] = dbi.add(list).add(contributed).add(debug);
    return msf(streams, 512, scattered);
  }
};

}  // namespace ntstack::pdb::testing
