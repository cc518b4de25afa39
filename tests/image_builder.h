// Builds small PE images byte by byte, well formed or hostile, as files and as the loader would lay
// them out in memory.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace ntstack::tests {

// Bytes that grow: little-endian values one after the other, or at an offset.
class ByteWriter {
 public:
  template <class T>
  ByteWriter& add(T value) {
    return put(bytes_.size(), value);
  }
  template <class T>
  ByteWriter& put(std::size_t offset, T value) {
    if (bytes_.size() < offset + sizeof(T)) bytes_.resize(offset + sizeof(T));
    std::memcpy(bytes_.data() + offset, &value, sizeof(T));
    return *this;
  }
  ByteWriter& u8(std::initializer_list<int> values) {
    for (const int value : values) add(static_cast<std::uint8_t>(value));
    return *this;
  }
  ByteWriter& u32(std::initializer_list<std::uint32_t> values) {
    for (const std::uint32_t value : values) add(value);
    return *this;
  }
  // With the NUL that ends it.
  ByteWriter& text(std::string_view value) {
    for (const char c : value) add(c);
    return add('\0');
  }
  ByteWriter& pad_to(std::size_t size) {
    if (bytes_.size() < size) bytes_.resize(size);
    return *this;
  }
  ByteWriter& append(std::span<const std::byte> other) {
    bytes_.insert(bytes_.end(), other.begin(), other.end());
    return *this;
  }
  std::size_t size() const { return bytes_.size(); }
  const std::vector<std::byte>& bytes() const { return bytes_; }
  base::Bytes view() const { return base::Bytes(std::span<const std::byte>(bytes_)); }

 private:
  std::vector<std::byte> bytes_;
};

struct BuiltSection {
  std::string name;  // 8 characters at most are written
  std::uint32_t rva = 0;
  std::vector<std::byte> raw;
  std::uint32_t virtual_size = 0;
  std::uint32_t characteristics = 0x60000020;  // code, readable, executable
  std::uint32_t file_offset = 0;               // 0: the next free place
  std::uint32_t file_size = 0;                 // what the header claims; 0: the size of `raw`
};

// Every field goes into the file as it stands here, true or not.
struct ImageBuilder {
  bool is_64_bit = true;
  std::uint16_t machine = 0x8664;
  std::uint32_t timestamp = 0x5f5e100;
  std::uint32_t nt_headers = 0x80;
  std::uint32_t entry_point = 0x1000;
  std::uint64_t image_base = 0x140000000;
  std::uint32_t section_alignment = 0x1000;
  std::uint32_t file_alignment = 0x200;
  std::uint32_t size_of_image = 0x10000;
  std::uint32_t size_of_headers = 0x400;
  std::uint32_t checksum = 0x1234;
  std::uint32_t directory_count = 16;
  int section_count = -1;         // -1: as many as there are
  int optional_header_size = -1;  // -1: the true one
  std::uint32_t symbol_table_offset = 0;
  std::uint32_t symbol_count = 0;
  std::array<std::array<std::uint32_t, 2>, 16> directories{};  // RVA, size
  std::vector<BuiltSection> sections;

  ImageBuilder& section(std::string name, std::uint32_t rva, const ByteWriter& raw,
                        std::uint32_t virtual_size = 0) {
    const auto used = virtual_size ? virtual_size : static_cast<std::uint32_t>(raw.size());
    sections.push_back({std::move(name), rva, raw.bytes(), used});
    return *this;
  }
  ImageBuilder& directory(std::size_t index, std::uint32_t rva, std::uint32_t size) {
    directories[index] = {rva, size};
    return *this;
  }

  std::vector<std::byte> file() const {
    ByteWriter out = headers();
    for (const BuiltSection& section : placed()) {
      out.pad_to(section.file_offset + section.raw.size());
      for (std::size_t i = 0; i < section.raw.size(); ++i) {
        out.put(section.file_offset + i, section.raw[i]);
      }
    }
    return out.bytes();
  }

  // The image in memory from its base on: headers and sections at their RVAs, zeros between.
  std::vector<std::byte> loaded() const {
    ByteWriter out = headers();
    out.pad_to(size_of_image);
    for (const BuiltSection& section : sections) {
      for (std::size_t i = 0; i < section.raw.size(); ++i) out.put(section.rva + i, section.raw[i]);
    }
    return out.bytes();
  }

 private:
  std::vector<BuiltSection> placed() const {
    std::vector<BuiltSection> all = sections;
    std::uint32_t next = size_of_headers;
    for (BuiltSection& section : all) {
      const auto size = static_cast<std::uint32_t>(section.raw.size());
      if (!section.file_size) section.file_size = size;
      if (!section.file_offset && size) section.file_offset = next;
      next = std::max(next, (section.file_offset + size + 0x1ff) & ~0x1ffu);
    }
    return all;
  }

  ByteWriter headers() const {
    const std::size_t file_header = nt_headers + 4;
    const std::size_t optional = file_header + 20;
    const std::size_t fixed = is_64_bit ? 112 : 96;
    const std::size_t optional_size =
        optional_header_size >= 0 ? static_cast<std::size_t>(optional_header_size) : fixed + 16 * 8;
    ByteWriter out;
    out.put<std::uint16_t>(0, 0x5a4d).put<std::uint32_t>(0x3c, nt_headers);
    out.put<std::uint32_t>(nt_headers, 0x4550).put(file_header, machine);
    const int count = section_count >= 0 ? section_count : static_cast<int>(sections.size());
    out.put(file_header + 2, static_cast<std::uint16_t>(count)).put(file_header + 4, timestamp);
    out.put(file_header + 8, symbol_table_offset).put(file_header + 12, symbol_count);
    out.put(file_header + 16, static_cast<std::uint16_t>(optional_size));
    out.put<std::uint16_t>(optional, is_64_bit ? 0x20b : 0x10b).put(optional + 16, entry_point);
    if (is_64_bit) {
      out.put(optional + 24, image_base);
    } else {
      out.put(optional + 28, static_cast<std::uint32_t>(image_base));
    }
    out.put(optional + 32, section_alignment).put(optional + 36, file_alignment);
    out.put(optional + 56, size_of_image).put(optional + 60, size_of_headers);
    out.put(optional + 64, checksum).put(optional + fixed - 4, directory_count);
    for (std::size_t i = 0; i < directories.size(); ++i) {
      out.put(optional + fixed + i * 8, directories[i]);
    }
    put_section_headers(out, optional + optional_size);
    return out;
  }

  void put_section_headers(ByteWriter& out, std::size_t at) const {
    for (const BuiltSection& section : placed()) {
      for (std::size_t i = 0; i < 8 && i < section.name.size(); ++i)
        out.put(at + i, section.name[i]);
      out.put(at + 8, section.virtual_size).put(at + 12, section.rva);
      out.put(at + 16, section.file_size).put(at + 20, section.file_offset);
      out.put(at + 36, section.characteristics);
      at += 40;
    }
  }
};

}  // namespace ntstack::tests
