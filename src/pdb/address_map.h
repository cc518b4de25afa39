// Between RVAs of the image as it runs and the sections and offsets of the PDB's records. Where the
// image was rearranged after linking (OMAP), the records speak of the original one ("source").
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.h"

namespace ntstack::pdb {

struct SectionOffset {
  std::uint16_t section = 0;  // from 1 on
  std::uint32_t offset = 0;
};

// A table of OMAP entries: each maps the RVAs from its own to the next one's.
class Omap {
 public:
  Omap() = default;
  explicit Omap(base::Bytes stream);

  bool empty() const { return entries_.empty(); }
  std::optional<std::uint32_t> map(std::uint32_t rva) const;

 private:
  struct Entry {
    std::uint32_t from;
    std::uint32_t to;  // 0: mapped nowhere
  };
  std::vector<Entry> entries_;
};

class AddressMap {
 public:
  AddressMap() = default;
  // `section_headers`: IMAGE_SECTION_HEADERs of the source. The OMAPs may be empty.
  AddressMap(base::Bytes section_headers, Omap to_source, Omap from_source);

  bool is_rearranged() const { return !to_source_.empty() || !from_source_.empty(); }
  std::optional<std::uint32_t> source_of(std::uint32_t rva) const;
  std::optional<std::uint32_t> image_of(std::uint32_t source_rva) const;

  // Between the source's RVAs and its sections.
  std::optional<SectionOffset> locate(std::uint32_t source_rva) const;
  std::optional<std::uint32_t> source_rva(SectionOffset place) const;

  // The image's RVA of a record's section and offset.
  std::optional<std::uint32_t> rva(SectionOffset place) const;

 private:
  struct Section {
    std::uint32_t rva;
    std::uint32_t size;
    std::uint16_t number;
  };
  std::vector<Section> by_number_;
  std::vector<Section> by_rva_;
  Omap to_source_, from_source_;
};

}  // namespace ntstack::pdb
