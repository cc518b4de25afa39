#include "target/offsets/probe_objects.h"

namespace ntstack::target {

std::optional<std::uint64_t> Object::pointer(std::uint64_t at, bool wide) const {
  const base::Bytes view{std::span(bytes)};
  if (wide) return view.get<std::uint64_t>(at);
  const auto value = view.get<std::uint32_t>(at);
  return value ? std::optional<std::uint64_t>(*value) : std::nullopt;
}

bool Evidence::is_in_image(std::uint64_t value) const {
  return std::ranges::any_of(start_.images,
                             [&](const ImageRange& each) { return contains(each, value); });
}

bool Evidence::is_list(std::uint64_t address) const {
  const auto next = pointer(address), previous = pointer(address + word());
  if (!next || !previous || !is_kernel(*next) || !is_kernel(*previous)) return false;
  return pointer(*next + word()) == address && pointer(*previous) == address;
}

bool Evidence::has_type(std::uint64_t address, std::uint8_t type) const {
  if (!is_kernel(address) || address % (wide() ? 16 : 8) != 0) return false;
  const auto found = start_.memory.get<std::uint8_t>(address);
  // The bit above: the object's own lock (DISPATCHER_HEADER.Lock).
  return found && (*found & 0x7f) == type;
}

}  // namespace ntstack::target
