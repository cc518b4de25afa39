// An image's file as memory at the base where it is loaded, with the addresses in it as the loader
// leaves them: for code and tables that a dump lacks.
#pragma once

#include <cstdint>
#include <vector>

#include "base/byte_source.h"
#include "pe/image.h"

namespace ntstack::pe {

class RelocatedPages : public base::ByteSource {
 public:
  // The image, over a file, outlives this object.
  RelocatedPages(const Image& image, std::uint64_t base);
  std::size_t read(std::uint64_t address, std::span<std::byte> out) const override;
  // Nothing where a relocation would be missing from it.
  base::Bytes view(std::uint64_t address, std::size_t size) const override;

 private:
  struct Relocation {
    std::uint32_t rva = 0;
    std::uint8_t size = 0;  // 4 or 8
  };
  void read_table();
  void relocate(std::uint32_t rva, std::span<std::byte> bytes) const;

  const Image* image_;
  std::uint64_t base_;
  std::uint64_t moved_by_ = 0;
  std::vector<Relocation> relocations_;  // by RVA; none where the image lies where it wants to
};

}  // namespace ntstack::pe
