// Virtual memory put together: a dump's own, and behind it pieces whose address became known later
// (the thread and process objects that a triage dump keeps apart).
#pragma once

#include <cstdint>
#include <vector>

#include "base/byte_source.h"

namespace ntstack::memory {

class AddressSpace : public base::ByteSource {
 public:
  // `own` outlives this; may be null.
  explicit AddressSpace(const base::ByteSource* own) : own_(own) {}

  // Bytes at an address, for what the dump itself does not have there. They outlive this.
  void place(std::uint64_t address, base::Bytes bytes);

  std::size_t read(std::uint64_t address, std::span<std::byte> out) const override;
  base::Bytes view(std::uint64_t address, std::size_t size) const override;
  std::uint64_t hole_end(std::uint64_t address) const override;

 private:
  const base::ByteSource* own_;
  base::SegmentSource placed_;
};

}  // namespace ntstack::memory
