// Mutates a dump and mends what a reader asks of its headers: signatures, what kind it is, where a
// triage dump ends, where a minidump's streams lie, where a bitmap's pages begin.
#pragma once

#include <string_view>

#include "mutate.h"

namespace ntstack::fuzz {

inline bool begins_with(std::span<const std::uint8_t> data, std::string_view text) {
  return data.size() >= text.size() && std::memcmp(data.data(), text.data(), text.size()) == 0;
}

inline void put_text(std::span<std::uint8_t> data, std::size_t at, std::string_view text) {
  if (at <= data.size() && data.size() - at >= text.size())
    std::memcpy(&data[at], text.data(), text.size());
}

// A field that tells what a file is: it stays what it was.
struct KeptField {
  std::size_t at, size;
};
inline void keep(std::span<const std::uint8_t> before, std::span<std::uint8_t> after,
                 std::span<const KeptField> fields) {
  for (const KeptField& field : fields)
    if (field.at + field.size <= std::min(before.size(), after.size()))
      std::memcpy(&after[field.at], &before[field.at], field.size);
}

inline void mend_triage(std::span<std::uint8_t> file, std::size_t header) {
  // ValidOffset leads to "TRGD", and SizeOfDump to the file's end.
  const auto size = static_cast<std::uint32_t>(file.size());
  const auto valid = get<std::uint32_t>(file, header + 8);
  if (valid > size - 4 || valid < header + 0x60) put(file, header + 8, size - 4);
  put_text(file, get<std::uint32_t>(file, header + 8), "TRGD");
  put(file, header + 4, size);
}

inline void mend_bitmap(std::span<std::uint8_t> file, std::size_t header, Chance& chance) {
  put_text(file, header, chance.one_in(2) ? "SDMPDUMP" : "FDMPDUMP");
  const auto first = get<std::uint64_t>(file, header + 0x20);
  const std::uint64_t room = header + 0x38 + 16;
  if (first < room || first >= file.size())
    put<std::uint64_t>(file, header + 0x20, (file.size() / 2 & ~std::uint64_t{0xfff}) | 0x1000);
  const auto begin = get<std::uint64_t>(file, header + 0x20);
  const std::uint64_t most = begin > header + 0x38 ? (begin - header - 0x38) * 8 : 8;
  const auto count = get<std::uint64_t>(file, header + 0x30);
  if (count == 0 || count > most) put<std::uint64_t>(file, header + 0x30, most);
}

inline void mend_kernel_dump(std::span<const std::uint8_t> before, std::span<std::uint8_t> after,
                             Chance& chance) {
  const bool is_64_bit = begins_with(before, "PAGEDU64");
  const std::size_t header = is_64_bit ? 0x2000 : 0x1000, type_at = is_64_bit ? 0xf98 : 0xf88;
  const KeptField fields[] = {{0, 8}, {is_64_bit ? 0x30u : 0x20u, 4}, {type_at, 4}};
  keep(before, after, fields);
  if (after.size() < header + 0x80) return;
  const auto type = get<std::uint32_t>(after, type_at);
  if (type == 4) mend_triage(after, header);
  if (type == 2 || type == 5 || type == 6) mend_bitmap(after, header, chance);
  if (type >= 8 && type <= 10) put_text(after, header, "RDMPDUMP");
}

// Streams of a minidump lie in it, and are of kinds that are read.
inline void mend_minidump(std::span<const std::uint8_t> before, std::span<std::uint8_t> after,
                          Chance& chance) {
  const KeptField fields[] = {{0, 16}};
  keep(before, after, fields);
  constexpr std::uint32_t kKinds[] = {3, 4, 5, 6, 7, 8, 9, 10, 11, 14, 15, 17, 24};
  const std::size_t count = std::min<std::size_t>(get<std::uint32_t>(after, 8), 64);
  const std::size_t directory = get<std::uint32_t>(after, 12);
  const auto size = static_cast<std::uint32_t>(after.size());
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t at = directory + i * 12;
    const auto kind = get<std::uint32_t>(after, at);
    const auto known = std::ranges::find(kKinds, kind);
    if (known == std::end(kKinds) && !chance.one_in(4))
      put(after, at, kKinds[chance.below(std::size(kKinds))]);
    const auto rva = get<std::uint32_t>(after, at + 8);
    if (rva >= size) put(after, at + 8, static_cast<std::uint32_t>(chance.below(size)));
    const std::uint32_t room = size - std::min(get<std::uint32_t>(after, at + 8), size);
    if (get<std::uint32_t>(after, at + 4) > room) put(after, at + 4, room);
  }
  // No system information, no dump.
  bool has_system = false;
  for (std::size_t i = 0; i < count; ++i)
    has_system = has_system || get<std::uint32_t>(after, directory + i * 12) == 7;
  if (!has_system && count != 0) put(after, directory, std::uint32_t{7});
}

inline void mutate_part_of_minidump(std::span<std::uint8_t> file, Chance& chance) {
  const std::size_t count = std::min<std::size_t>(get<std::uint32_t>(file, 8), 64);
  const std::size_t entry = get<std::uint32_t>(file, 12) + chance.below(count) * 12;
  if (chance.one_in(6)) return mutate_in_place(file, entry, 12);
  const auto size = get<std::uint32_t>(file, entry + 4), rva = get<std::uint32_t>(file, entry + 8);
  mutate_in_place(file, rva, chance.one_in(2) ? 32 : size);
}

inline void mutate_part_of_kernel_dump(std::span<std::uint8_t> file, Chance& chance) {
  const std::size_t header = begins_with(file, "PAGEDU64") ? 0x2000 : 0x1000;
  switch (chance.below(4)) {
    case 0:
      return mutate_in_place(file, 0, header);
    case 1:
      return mutate_in_place(file, header, 0x80);
    case 2: {
      // A field of what follows the header: mostly an offset or a count.
      const std::size_t at = header + chance.below(0x20) * 4;
      return put(file, at, chance.odd_number(file.size()));
    }
    default:
      return mutate_in_place(file, header + 0x80, file.size());
  }
}

inline std::size_t mutate_dump(std::uint8_t* data, std::size_t size, std::size_t most,
                               unsigned seed) {
  Chance chance(seed);
  const std::span<const std::uint8_t> before(data, size);
  const bool is_kernel = begins_with(before, "PAGEDU"), is_mini = begins_with(before, "MDMP");
  if (size < 64 || chance.one_in(24)) return LLVMFuzzerMutate(data, size, most);
  Data after(data, data + size);
  if (is_kernel) {
    mutate_part_of_kernel_dump(after, chance);
    mend_kernel_dump(before, after, chance);
  } else if (is_mini) {
    mutate_part_of_minidump(after, chance);
    mend_minidump(before, after, chance);
  } else {
    mutate_in_place(after, chance.one_in(2) ? 0 : chance.below(size),
                    chance.one_in(2) ? 128 : size);
    // ELF's class and type, LiME's and VMware's first words.
    const KeptField elf[] = {{0, 8}, {0x10, 4}}, others[] = {{0, 8}};
    if (begins_with(before,
                    "\x7f"
                    "ELF"))
      keep(before, after, elf);
    else
      keep(before, after, others);
  }
  return give(after, data, most);
}

}  // namespace ntstack::fuzz
