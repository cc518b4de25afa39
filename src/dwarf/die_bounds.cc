#include "dwarf/die_bounds.h"

#include <llvm/DebugInfo/DWARF/DWARFDebugAbbrev.h>

#include <cstdint>
#include <optional>

#include "base/bytes.h"

namespace ntstack::dwarf {
namespace {

using llvm::dwarf::Form;

class DieBounds {
 public:
  explicit DieBounds(llvm::DWARFUnit& unit) : unit_(unit), form_(unit.getFormParams()) {
    const llvm::StringRef data = unit.getDebugInfoExtractor().getData();
    section_ = base::Bytes(reinterpret_cast<const std::byte*>(data.data()), data.size());
    at_ = unit.getOffset() + unit.getHeaderSize();
  }

  bool walk(bool first_alone);

 private:
  enum class Step : std::uint8_t { inside, unknown, outside };  // unknown: the library stops too

  Step step(bool& has_children, bool& is_end);
  Step skip_attributes(const llvm::DWARFAbbreviationDeclaration& kind);
  Step skip_value(Form form);
  Step skip(std::uint64_t bytes);
  Step skip_text();
  std::optional<std::uint64_t> number();  // ULEB128; at_ stands behind it

  llvm::DWARFUnit& unit_;
  llvm::dwarf::FormParams form_;
  base::Bytes section_;
  std::uint64_t at_ = 0;
};

bool DieBounds::walk(bool first_alone) {
  std::uint64_t depth = 0;
  do {
    if (at_ >= unit_.getNextUnitOffset()) return true;
    bool has_children = false, is_end = false;
    switch (step(has_children, is_end)) {
      case Step::outside:
        return false;
      case Step::unknown:
        return true;
      case Step::inside:
        break;
    }
    if (has_children) ++depth;
    if (is_end && depth != 0) --depth;
  } while (!first_alone && depth != 0);
  return true;
}

DieBounds::Step DieBounds::step(bool& has_children, bool& is_end) {
  const auto code = number();
  if (!code) return Step::outside;
  is_end = *code == 0;
  if (is_end) return Step::inside;
  const llvm::DWARFAbbreviationDeclarationSet* kinds = unit_.getAbbreviations();
  if (!kinds || *code > UINT32_MAX) return Step::unknown;
  const auto* kind = kinds->getAbbreviationDeclaration(static_cast<std::uint32_t>(*code));
  if (!kind) return Step::unknown;
  has_children = kind->hasChildren();
  if (const auto bytes = kind->getFixedAttributesByteSize(unit_)) return skip(*bytes);
  return skip_attributes(*kind);
}

DieBounds::Step DieBounds::skip_attributes(const llvm::DWARFAbbreviationDeclaration& kind) {
  for (const auto& attribute : kind.attributes()) {
    const auto bytes = attribute.getByteSize(unit_);
    const Step step = bytes ? skip(static_cast<std::uint64_t>(*bytes)) : skip_value(attribute.Form);
    if (step != Step::inside) return step;
  }
  return Step::inside;
}

DieBounds::Step DieBounds::skip(std::uint64_t bytes) {
  if (bytes > section_.size() || at_ > section_.size() - bytes) return Step::outside;
  at_ += bytes;
  return Step::inside;
}

DieBounds::Step DieBounds::skip_text() {
  while (at_ < section_.size())
    if (section_.get_or<std::uint8_t>(at_++, 0) == 0) return Step::inside;
  return Step::outside;
}

std::optional<std::uint64_t> DieBounds::number() {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    const auto byte = section_.get<std::uint8_t>(at_);
    if (!byte) return std::nullopt;
    ++at_;
    value |= std::uint64_t{*byte & 0x7fU} << shift;
    if ((*byte & 0x80) == 0) return value;
  }
  return std::nullopt;
}

// The forms of DWARF 5, 7.5.6, and GNU's.
DieBounds::Step DieBounds::skip_value(Form form) {
  using namespace llvm::dwarf;
  constexpr int kMostIndirections = 4;
  for (int i = 0; form == DW_FORM_indirect && i < kMostIndirections; ++i) {
    const auto real = number();
    if (!real || *real > UINT16_MAX) return Step::outside;
    form = static_cast<Form>(*real);
  }
  if (const auto bytes = getFixedFormByteSize(form, form_)) return skip(*bytes);
  const auto skip_counted = [&](std::optional<std::uint64_t> size, std::uint64_t of_size) {
    if (!size || skip(of_size) != Step::inside) return Step::outside;
    return skip(*size);
  };
  switch (form) {
    case DW_FORM_block1:
      return skip_counted(section_.get<std::uint8_t>(at_), 1);
    case DW_FORM_block2:
      return skip_counted(section_.get<std::uint16_t>(at_), 2);
    case DW_FORM_block4:
      return skip_counted(section_.get<std::uint32_t>(at_), 4);
    case DW_FORM_block:
    case DW_FORM_exprloc:
      return skip_counted(number(), 0);
    case DW_FORM_string:
      return skip_text();
    case DW_FORM_sdata:
    case DW_FORM_udata:
    case DW_FORM_ref_udata:
    case DW_FORM_strx:
    case DW_FORM_addrx:
    case DW_FORM_loclistx:
    case DW_FORM_rnglistx:
    case DW_FORM_GNU_addr_index:
    case DW_FORM_GNU_str_index:
      return number() ? Step::inside : Step::outside;
    case DW_FORM_LLVM_addrx_offset:
      return number() ? skip(4) : Step::outside;
    case DW_FORM_indirect:
      return Step::outside;
    default:
      return Step::unknown;
  }
}

}  // namespace

bool first_die_is_inside(llvm::DWARFUnit& unit) { return DieBounds(unit).walk(true); }

bool dies_are_inside(llvm::DWARFUnit& unit) { return DieBounds(unit).walk(false); }

}  // namespace ntstack::dwarf
