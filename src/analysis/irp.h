// An IRP and its stack locations. The layout is that of the public headers (wdm.h), the same since
// Windows XP, for both word sizes; nt's own types come first.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "analysis/kernel_view.h"
#include "analysis/object_reader.h"
#include "base/error.h"

namespace ntstack::analysis {

struct StackLocation {
  std::uint64_t address = 0;
  std::uint8_t major = 0, minor = 0, flags = 0, control = 0;
  std::array<std::uint64_t, 4> arguments{};
  std::uint64_t device = 0, file = 0, completion_routine = 0, context = 0;
  bool is_there = false;  // false: the dump does not have it whole
};

struct Irp {
  std::uint64_t address = 0;
  std::uint16_t size = 0;
  std::uint8_t stack_count = 0, current = 0;  // `current` counts from 1
  std::vector<StackLocation> locations;       // in memory's order: the lowest driver's first
};

class IrpReader {
 public:
  explicit IrpReader(const KernelView& view);
  // An error says why what is there is no IRP, or that it is not in the dump.
  base::Result<Irp> at(std::uint64_t address) const;
  const ObjectReader& header() const { return header_; }

 private:
  StackLocation location_at(std::uint64_t address) const;

  KernelView view_;
  ObjectReader header_, location_;
  std::uint64_t header_size_ = 0, location_size_ = 0;
};

// The name of the driver of a device ("\FileSystem\Ntfs"); empty where the dump does not have it.
std::string driver_name_of(const KernelView& view, std::uint64_t device);

}  // namespace ntstack::analysis
