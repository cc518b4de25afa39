// A PE image, over a file's bytes or over memory at a base address; read by RVA either way.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/architecture.h"
#include "base/byte_source.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/guid.h"

namespace ntstack::pe {

struct Section {
  std::string name;  // as in the header, or from the COFF string table for "/n"
  std::uint32_t rva = 0;
  std::uint32_t virtual_size = 0;
  std::uint32_t file_offset = 0;  // 0 with no raw bytes
  std::uint32_t file_size = 0;
  std::uint32_t characteristics = 0;  // IMAGE_SCN_*
  bool executable() const { return (characteristics & 0x20000000) != 0; }
};

struct DataDirectory {
  std::uint32_t rva = 0;
  std::uint32_t size = 0;
};

// Indexes of the optional header's data directories that are read here (winnt.h).
enum class Directory : std::uint8_t {
  exports = 0,
  imports = 1,
  exception = 3,
  base_relocations = 5,
  debug = 6,
  load_config = 10,
  import_addresses = 12,
  delay_imports = 13
};

// The key of the PDB that belongs to an image (debug directory, CodeView "RSDS").
struct CodeView {
  base::Guid guid;
  std::uint32_t age = 0;
  std::string pdb_path;  // as the linker wrote it: a name or a whole path of the build machine
};

class Image {
 public:
  // Over the bytes of a file. `file` outlives the image.
  static base::Result<Image> from_file(base::Bytes file);
  // Over memory where the image is loaded at `base`. `memory` outlives the image. Pages may be
  // missing.
  static base::Result<Image> from_memory(const base::ByteSource& memory, std::uint64_t base);

  base::Architecture architecture() const { return architecture_; }
  std::uint16_t machine() const { return machine_; }
  std::uint32_t timestamp() const { return timestamp_; }
  std::uint32_t size_of_image() const { return size_of_image_; }
  std::uint32_t checksum() const { return checksum_; }
  std::uint32_t entry_point() const { return entry_point_; }
  std::uint64_t preferred_base() const { return preferred_base_; }
  std::span<const Section> sections() const { return sections_; }
  // The section whose virtual size (raw size where that is 0) covers `rva`, or null.
  const Section* section_of(std::uint32_t rva) const;
  // Zeros where the header has no such directory.
  DataDirectory directory(Directory index) const;

  // Copies bytes from `rva` on; stops at the first that is not there. Bytes of a section behind its
  // raw data read as zero, as the loader has it.
  std::size_t read(std::uint32_t rva, std::span<std::byte> out) const;
  // The same without a copy, at most `size` bytes; shorter (or empty) where they do not lie
  // together.
  base::Bytes view(std::uint32_t rva, std::size_t size) const;
  template <class T>
  std::optional<T> get(std::uint32_t rva) const {
    T value;
    if (const base::Bytes direct = view(rva, sizeof(T)); direct.size() == sizeof(T)) {
      std::memcpy(&value, direct.data(), sizeof(T));
      return value;
    }
    if (read(rva, std::as_writable_bytes(std::span(&value, 1))) != sizeof(T)) return {};
    return value;
  }

  // The PDB's key; an error says whether there is none or its bytes are missing.
  base::Result<CodeView> codeview() const;

  // The file's bytes for an image over a file; empty for one over memory.
  base::Bytes file() const { return file_; }

  // The COFF symbol table as the header names it, unchecked: a file offset (0: none) and a count.
  std::uint32_t symbol_table_offset() const { return symbol_table_offset_; }
  std::uint32_t symbol_count() const { return symbol_count_; }

 private:
  class Reader;  // parses the headers
  // A stretch of RVAs and the file's bytes behind it.
  struct Piece {
    std::uint32_t rva = 0;
    std::uint32_t size = 0;  // as mapped: with the zeros behind the raw bytes
    std::uint32_t file_offset = 0;
    std::uint32_t file_size = 0;  // at most `size`; the file may end before
    std::uint16_t section = 0;    // index, or no_section for the headers
  };
  static constexpr std::uint16_t no_section = 0xffff;

  Image() = default;
  const Piece* piece_of(std::uint32_t rva) const;
  base::Result<CodeView> codeview_of_entry(std::uint32_t rva, std::uint32_t file_offset,
                                           std::uint32_t size) const;

  base::Bytes file_;
  const base::ByteSource* memory_ = nullptr;
  std::uint64_t base_ = 0;
  base::Architecture architecture_ = base::Architecture::unknown;
  std::uint16_t machine_ = 0;
  std::uint32_t timestamp_ = 0, size_of_image_ = 0, checksum_ = 0, entry_point_ = 0;
  std::uint32_t symbol_table_offset_ = 0, symbol_count_ = 0;
  std::uint64_t preferred_base_ = 0;
  std::vector<Section> sections_;
  std::vector<Piece> pieces_;  // by RVA, without overlaps
  std::vector<DataDirectory> directories_;
};

// An image's file as memory at `base`, for what a dump has not: pages as the loader would map them,
// without relocations (unwind data and code positions have none that matter).
class ImagePages : public base::ByteSource {
 public:
  ImagePages(const Image& image, std::uint64_t base) : image_(&image), base_(base) {}
  std::size_t read(std::uint64_t address, std::span<std::byte> out) const override;
  base::Bytes view(std::uint64_t address, std::size_t size) const override;

 private:
  const Image* image_;
  std::uint64_t base_;
};

}  // namespace ntstack::pe
