// Virtual memory put together: a dump's own, and behind it pieces whose address became known later
// (the thread and process objects that a triage dump keeps apart), and the memory of a session.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/byte_source.h"

namespace ntstack::memory {

class AddressSpace : public base::ByteSource {
 public:
  // `own` outlives this; may be null.
  explicit AddressSpace(const base::ByteSource* own) : own_(own) {}

  // Bytes at an address, for what the dump itself does not have there. They outlive this.
  void place(std::uint64_t address, base::Bytes bytes);

  // Asked for what is nowhere else, at `from` and above.
  void put_behind(std::unique_ptr<base::ByteSource> source, std::uint64_t from);

  std::size_t read(std::uint64_t address, std::span<std::byte> out) const override;
  base::Bytes view(std::uint64_t address, std::size_t size) const override;
  std::uint64_t hole_end(std::uint64_t address) const override;

 private:
  const base::ByteSource* own_;
  base::SegmentSource placed_;
  std::unique_ptr<base::ByteSource> behind_;
  std::uint64_t behind_from_ = 0;
};

}  // namespace ntstack::memory
