// Tells the kernel's image in memory from any other, and finds the image that an address is in.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/architecture.h"
#include "base/byte_source.h"

namespace ntstack::target {

struct KernelImage {
  std::uint64_t base = 0;
  std::uint64_t size = 0;  // SizeOfImage; base + size does not wrap
  std::string name;        // as its exports or its PDB say, "" where neither is in memory
  bool contains(std::uint64_t address) const { return address - base < size; }
};

// The image whose headers are at `base`, where it is of that architecture and its exports (or its
// PDB's name, where those were paged out) call it ntoskrnl.exe or another of the kernel's names.
// An image that says neither has no name; `name_needed` refuses it.
std::optional<KernelImage> kernel_image_at(const base::ByteSource& memory, std::uint64_t base,
                                           base::Architecture architecture, bool name_needed);

// The same, page by page down from an address inside it, over pages that are not there.
std::optional<KernelImage> kernel_image_around(const base::ByteSource& memory,
                                               std::uint64_t address,
                                               base::Architecture architecture, bool name_needed);

}  // namespace ntstack::target
