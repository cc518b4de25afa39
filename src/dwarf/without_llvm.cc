// A build without LLVM's library: it says so, and reads no DWARF.
#include "dwarf/dwarf.h"

namespace ntstack::dwarf {

struct Dwarf::State {};

bool can_read_dwarf() { return false; }

base::Result<Dwarf> Dwarf::open(const pe::Image&) {
  return base::fail("this build of ntstack does not read DWARF");
}
Dwarf::Dwarf(Dwarf&&) noexcept = default;
Dwarf& Dwarf::operator=(Dwarf&&) noexcept = default;
Dwarf::~Dwarf() = default;

std::optional<Function> Dwarf::function_at(std::uint32_t) const { return std::nullopt; }
std::optional<Line> Dwarf::line_at(std::uint32_t) const { return std::nullopt; }
std::vector<InlineFrame> Dwarf::inlined_at(std::uint32_t) const { return {}; }
std::optional<std::uint32_t> Dwarf::rva_of(std::string_view) const { return std::nullopt; }
std::optional<pdb::Structure> Dwarf::structure(std::string_view) const { return std::nullopt; }
std::optional<pdb::Structure> Dwarf::structure(std::uint32_t) const { return std::nullopt; }
std::optional<std::uint64_t> Dwarf::size_of(std::uint32_t) const { return std::nullopt; }
std::string Dwarf::type_name(std::uint32_t) const { return "?"; }
std::vector<std::string> Dwarf::warnings() const { return {}; }
void Dwarf::forget_units() const {}

}  // namespace ntstack::dwarf
