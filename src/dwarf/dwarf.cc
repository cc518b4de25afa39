#include "dwarf/dwarf.h"

#include "dwarf/functions.h"
#include "dwarf/structures.h"
#include "dwarf/units.h"

namespace ntstack::dwarf {

bool can_read_dwarf() { return true; }

// Sections are opened at the first question.
struct Dwarf::State {
  explicit State(const pe::Image& of) : image(of) {}

  // Null where the DWARF can't be read.
  Units* opened() {
    if (!std::exchange(is_opened, true)) {
      auto found = Units::open(image);
      if (found) {
        units = std::move(*found);
        functions.emplace(*units);
        structures.emplace(*units);
      } else {
        error = found.error().text();
      }
    }
    if (units && units->is_full()) forget();
    return units.get();
  }

  void forget() {
    if (!units) return;
    units->forget();
    functions->forget();
  }

  pe::Image image;  // a view of the file
  bool is_opened = false;
  std::unique_ptr<Units> units;
  std::optional<Functions> functions;
  std::optional<Structures> structures;
  std::string error;
};

base::Result<Dwarf> Dwarf::open(const pe::Image& image) {
  if (!has_dwarf(image)) return base::fail("the image has no DWARF");
  return Dwarf(std::make_unique<State>(image));
}

Dwarf::Dwarf(std::unique_ptr<State> state) : state_(std::move(state)) {}
Dwarf::Dwarf(Dwarf&&) noexcept = default;
Dwarf& Dwarf::operator=(Dwarf&&) noexcept = default;
Dwarf::~Dwarf() = default;

std::optional<Function> Dwarf::function_at(std::uint32_t rva) const {
  if (!state_->opened()) return std::nullopt;
  return state_->functions->at(rva).function;
}

std::optional<Line> Dwarf::line_at(std::uint32_t rva) const {
  if (!state_->opened()) return std::nullopt;
  return state_->functions->at(rva).line;
}

std::vector<InlineFrame> Dwarf::inlined_at(std::uint32_t rva) const {
  if (!state_->opened()) return {};
  return state_->functions->at(rva).inlined;
}

std::optional<std::uint32_t> Dwarf::rva_of(std::string_view name) const {
  if (!state_->opened()) return std::nullopt;
  return state_->functions->rva_of(name);
}

std::optional<pdb::Structure> Dwarf::structure(std::string_view name) const {
  if (!state_->opened()) return std::nullopt;
  return state_->structures->by_name(name);
}

std::optional<pdb::Structure> Dwarf::structure(std::uint32_t type) const {
  if (!state_->opened()) return std::nullopt;
  return state_->structures->by_type(type);
}

std::optional<std::uint64_t> Dwarf::size_of(std::uint32_t type) const {
  if (!state_->opened()) return std::nullopt;
  return state_->structures->size_of(type);
}

std::string Dwarf::type_name(std::uint32_t type) const {
  return state_->opened() ? state_->structures->type_name(type) : "?";
}

std::vector<std::string> Dwarf::warnings() const {
  if (!state_->error.empty()) return {state_->error};
  return state_->units ? state_->units->warnings() : std::vector<std::string>();
}

void Dwarf::forget_units() const { state_->forget(); }

}  // namespace ntstack::dwarf
