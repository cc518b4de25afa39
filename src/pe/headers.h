// The layouts of a PE image's headers as they lie in files (Microsoft's "PE Format"; winnt.h).
// Only the fields that are read have names of their own.
#pragma once

#include <array>
#include <cstdint>

#include "base/guid.h"

namespace ntstack::pe {

constexpr std::uint16_t dos_magic = 0x5a4d;           // "MZ"
constexpr std::uint32_t nt_signature = 0x00004550;    // "PE\0\0"
constexpr std::uint32_t rsds_signature = 0x53445352;  // "RSDS"
constexpr std::uint32_t debug_type_codeview = 2;
constexpr std::size_t max_directories = 16;
constexpr std::uint16_t coff_type_function = 2;  // the derived type
constexpr std::uint8_t coff_storage_external = 2;
constexpr std::uint8_t coff_storage_static = 3;
constexpr std::uint8_t coff_storage_weak_external = 105;

#pragma pack(push, 1)

struct DosHeader {
  std::uint16_t magic;
  std::array<std::uint8_t, 0x3a> rest;
  std::uint32_t nt_headers;  // e_lfanew
};
static_assert(sizeof(DosHeader) == 0x40);

struct FileHeader {
  std::uint16_t machine;
  std::uint16_t section_count;
  std::uint32_t timestamp;
  std::uint32_t symbol_table_offset;
  std::uint32_t symbol_count;
  std::uint16_t optional_header_size;
  std::uint16_t characteristics;
};
static_assert(sizeof(FileHeader) == 20);

// Up to and with NumberOfRvaAndSizes; the data directories follow.
struct OptionalHeader32 {
  static constexpr std::uint16_t magic_value = 0x10b;
  std::uint16_t magic;
  std::array<std::uint8_t, 14> linker;
  std::uint32_t entry_point;
  std::uint32_t base_of_code;
  std::uint32_t base_of_data;
  std::uint32_t image_base;
  std::uint32_t section_alignment;
  std::uint32_t file_alignment;
  std::array<std::uint8_t, 16> versions;
  std::uint32_t size_of_image;
  std::uint32_t size_of_headers;
  std::uint32_t checksum;
  std::uint16_t subsystem;
  std::uint16_t dll_characteristics;
  std::array<std::uint32_t, 4> stack_and_heap;
  std::uint32_t loader_flags;
  std::uint32_t directory_count;
};
static_assert(sizeof(OptionalHeader32) == 96);

struct OptionalHeader64 {
  static constexpr std::uint16_t magic_value = 0x20b;
  std::uint16_t magic;
  std::array<std::uint8_t, 14> linker;
  std::uint32_t entry_point;
  std::uint32_t base_of_code;
  std::uint64_t image_base;
  std::uint32_t section_alignment;
  std::uint32_t file_alignment;
  std::array<std::uint8_t, 16> versions;
  std::uint32_t size_of_image;
  std::uint32_t size_of_headers;
  std::uint32_t checksum;
  std::uint16_t subsystem;
  std::uint16_t dll_characteristics;
  std::array<std::uint64_t, 4> stack_and_heap;
  std::uint32_t loader_flags;
  std::uint32_t directory_count;
};
static_assert(sizeof(OptionalHeader64) == 112);

struct SectionHeader {
  std::array<char, 8> name;  // NUL-padded
  std::uint32_t virtual_size;
  std::uint32_t rva;
  std::uint32_t file_size;
  std::uint32_t file_offset;
  std::array<std::uint8_t, 12> relocations_and_lines;
  std::uint32_t characteristics;
};
static_assert(sizeof(SectionHeader) == 40);

struct DebugEntry {
  std::uint32_t characteristics;
  std::uint32_t timestamp;
  std::uint32_t version;
  std::uint32_t type;
  std::uint32_t size;
  std::uint32_t rva;
  std::uint32_t file_offset;
};
static_assert(sizeof(DebugEntry) == 28);

// The key of a CodeView 7 record; the PDB's path follows, NUL-terminated.
struct Rsds {
  std::uint32_t signature;
  base::Guid guid;
  std::uint32_t age;
};
static_assert(sizeof(Rsds) == 24);

struct ExportDirectory {
  std::array<std::uint8_t, 12> dates;
  std::uint32_t name;
  std::uint32_t ordinal_base;
  std::uint32_t function_count;
  std::uint32_t name_count;
  std::uint32_t functions;     // u32 RVAs
  std::uint32_t names;         // u32 RVAs
  std::uint32_t name_indexes;  // u16 indexes of functions, one a name
};
static_assert(sizeof(ExportDirectory) == 40);

struct CoffSymbol {
  std::array<char, 8> name;  // or 4 zeros and an offset into the string table
  std::uint32_t value;
  std::int16_t section;  // from 1
  std::uint16_t type;    // base type:4, derived type:2
  std::uint8_t storage;
  std::uint8_t aux_count;  // records that follow and belong to this one
};
static_assert(sizeof(CoffSymbol) == 18);

#pragma pack(pop)

}  // namespace ntstack::pe
