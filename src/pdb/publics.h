// The publics: every external name of the image with its address, all that a stripped PDB has.
// Layout: LLVM's "The PDB Publics Stream".
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "pdb/gsi.h"
#include "pdb/msf.h"

namespace ntstack::pdb {

class Publics {
 public:
  Publics() = default;
  Publics(Stream stream, Stream symbols);

  // The nearest public at or before a place, in its section. Of several at one address a function
  // goes before others.
  std::optional<NamedPlace> nearest(SectionOffset place) const;
  std::optional<NamedPlace> named(std::string_view name) const;

 private:
  std::optional<NamedPlace> at(std::uint32_t index) const;  // in order of addresses
  std::optional<SectionOffset> place_at(std::uint32_t index) const;

  Stream stream_;
  Stream symbols_;
  GlobalHash hash_;
  std::uint64_t addresses_at_ = 0;
  std::uint32_t count_ = 0;
};

}  // namespace ntstack::pdb
