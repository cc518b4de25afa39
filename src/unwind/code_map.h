// Where code is: the modules that a step looks addresses up in.
#pragma once

#include <cstdint>
#include <variant>

#include "pe/image.h"
#include "pe/unwind_arm64.h"
#include "pe/unwind_x64.h"

namespace ntstack::unwind {

// An image at its place, with its function table.
struct Module {
  std::uint64_t base = 0;
  std::uint64_t size = 0;
  const pe::Image* image = nullptr;  // null: no image at hand
  // Of the image's own architecture; none on x86, which has no such table.
  std::variant<std::monostate, pe::x64::FunctionTable, pe::arm64::FunctionTable> functions;
};

class CodeMap {
 public:
  virtual ~CodeMap() = default;
  // The module that holds `address`, or null. Stays valid as long as the map.
  virtual const Module* find(std::uint64_t address) const = 0;
};

}  // namespace ntstack::unwind
