// Mutates an image behind its headers: a directory's table, a section, the directories' places.
// What makes it an image at all stays.
#pragma once

#include <optional>

#include "mutate.h"
#include "pe/image.h"

namespace ntstack::fuzz {

// The file offset of an RVA, by the section headers; as memory the two are the same.
inline std::optional<std::size_t> place_of(const pe::Image& image, std::uint32_t rva,
                                           bool is_loaded) {
  if (is_loaded) return rva;
  const pe::Section* section = image.section_of(rva);
  if (!section || rva - section->rva >= section->file_size) return std::nullopt;
  return section->file_offset + (rva - section->rva);
}

// Where the optional header's directories begin and how many there are.
struct DirectoryPlaces {
  std::size_t at = 0, count = 0, headers_end = 0;
};
inline DirectoryPlaces directory_places(std::span<const std::uint8_t> file) {
  const std::size_t nt = get<std::uint32_t>(file, 0x3c), optional = nt + 24;
  const bool is_64_bit = get<std::uint16_t>(file, optional) == 0x20b;
  const std::size_t at = optional + (is_64_bit ? 112 : 96);
  const std::size_t count = std::min<std::size_t>(get<std::uint32_t>(file, at - 4), 16);
  const std::size_t sections = optional + get<std::uint16_t>(file, nt + 20);
  return {at, count, sections + 40u * get<std::uint16_t>(file, nt + 6)};
}

inline void mutate_directory(const pe::Image& image, std::span<std::uint8_t> file, Chance& chance,
                             bool is_loaded) {
  const DirectoryPlaces places = directory_places(file);
  if (places.count == 0) return;
  const std::size_t entry = places.at + chance.below(places.count) * 8;
  const auto rva = get<std::uint32_t>(file, entry), size = get<std::uint32_t>(file, entry + 4);
  if (rva == 0 || chance.one_in(8)) {
    // Put to where some section is, or its size made odd.
    const auto sections = image.sections();
    if (chance.one_in(2) && !sections.empty()) {
      const pe::Section& section = sections[chance.below(sections.size())];
      put(file, entry,
          section.rva + static_cast<std::uint32_t>(chance.below(section.file_size + 1u)));
    }
    put(file, entry + 4, chance.odd_number(256));
    return;
  }
  if (const auto at = place_of(image, rva, is_loaded))
    mutate_in_place(file, *at, std::min<std::size_t>(size, 512));
}

inline void mutate_section(const pe::Image& image, std::span<std::uint8_t> file, Chance& chance,
                           bool is_loaded) {
  const auto sections = image.sections();
  if (sections.empty()) return;
  const pe::Section& section = sections[chance.below(sections.size())];
  const std::size_t size = std::min<std::size_t>(section.file_size, file.size());
  const std::size_t from = chance.one_in(2) ? 0 : chance.below(size);
  mutate_in_place(file, (is_loaded ? section.rva : section.file_offset) + from,
                  chance.one_in(2) ? 64 : size - from);
}

inline std::size_t mutate_pe(std::uint8_t* data, std::size_t size, std::size_t most, unsigned seed,
                             bool is_loaded = false) {
  Chance chance(seed);
  Data file(data, data + size);
  const base::SegmentSource memory({{0x10000, base::Bytes::of(std::span(data, size))}});
  const auto image = is_loaded ? pe::Image::from_memory(memory, 0x10000)
                               : pe::Image::from_file(base::Bytes::of(std::span(data, size)));
  if (!image || chance.one_in(16)) return LLVMFuzzerMutate(data, size, most);
  const DirectoryPlaces places = directory_places(file);
  const Data headers(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(
                                                      std::min(places.headers_end, file.size())));
  if (chance.one_in(8)) {
    // The section headers, but not how many they are.
    const std::size_t directories_end = places.at + places.count * 8;
    mutate_in_place(file, directories_end, places.headers_end - directories_end);
    return give(file, data, most);
  }
  if (chance.one_in(2)) {
    mutate_section(*image, file, chance, is_loaded);
    std::copy(headers.begin(), headers.end(), file.begin());
  } else {
    mutate_directory(*image, file, chance, is_loaded);
    // What overlaps the headers does not spoil them, but for the directories' own places.
    std::copy_n(headers.begin(), std::min(places.at, headers.size()), file.begin());
  }
  return give(file, data, most);
}

}  // namespace ntstack::fuzz
