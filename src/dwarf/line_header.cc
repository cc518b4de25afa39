#include "dwarf/line_header.h"

#include <algorithm>
#include <array>

#include "dwarf/units.h"

namespace ntstack::dwarf {
namespace {

constexpr std::uint64_t kLongestProgram = std::uint64_t{8} << 20;
constexpr std::uint64_t kLongestHeader = std::uint64_t{4} << 20;
constexpr std::uint64_t kMostEntries = 0x10000;  // the library's rows have 16 bits for a file
constexpr std::uint8_t kMostFields = 16;

// Forms that take at least a byte, so that a table is no longer than its bytes.
bool takes_bytes(std::uint64_t form) {
  using namespace llvm::dwarf;
  constexpr std::array kForms{DW_FORM_string, DW_FORM_line_strp, DW_FORM_strp,    DW_FORM_strx,
                              DW_FORM_strx1,  DW_FORM_strx2,     DW_FORM_strx3,   DW_FORM_strx4,
                              DW_FORM_udata,  DW_FORM_data1,     DW_FORM_data2,   DW_FORM_data4,
                              DW_FORM_data8,  DW_FORM_data16,    DW_FORM_block,   DW_FORM_block1,
                              DW_FORM_block2, DW_FORM_block4,    DW_FORM_strp_sup};
  return std::ranges::any_of(kForms, [&](Form each) { return each == form; });
}

// One of the two tables of DWARF 5, 6.2.4: how its entries look, their count, the entries.
bool skip_table(const llvm::DataExtractor& bytes, std::uint64_t& at,
                const llvm::dwarf::FormParams& parameters) {
  const std::uint8_t fields = bytes.getU8(&at);
  if (fields > kMostFields) return false;
  std::array<llvm::dwarf::Form, kMostFields> forms{};
  for (std::uint8_t i = 0; i < fields; ++i) {
    bytes.getULEB128(&at);  // what the field is
    const std::uint64_t form = bytes.getULEB128(&at);
    if (!takes_bytes(form)) return false;
    forms[i] = static_cast<llvm::dwarf::Form>(form);
  }
  const std::uint64_t count = bytes.getULEB128(&at);
  if (count > kMostEntries || (count > 0 && fields == 0)) return false;
  for (std::uint64_t entry = 0; entry < count; ++entry) {
    for (std::uint8_t i = 0; i < fields; ++i) {
      if (!llvm::DWARFFormValue::skipValue(forms[i], bytes, &at, parameters)) return false;
      if (at > bytes.size()) return false;
    }
  }
  return true;
}

}  // namespace

std::optional<base::Bytes> line_program_at(base::Bytes section, std::uint64_t offset) {
  std::uint64_t length = section.get_or<std::uint32_t>(offset, 0);
  std::uint64_t header = 4;
  if (length == 0xffffffff) {
    length = section.get_or<std::uint64_t>(offset + 4, 0);
    header = 12;
  }
  if (length == 0 || length > kLongestProgram) return std::nullopt;
  return section.slice(offset, header + length);
}

bool line_header_is_sane(base::Bytes program, std::uint8_t address_size) {
  const bool is_wide = program.get_or<std::uint32_t>(0, 0) == 0xffffffff;
  const std::uint64_t version_at = is_wide ? 12 : 4;
  const std::uint16_t version = program.get_or<std::uint16_t>(version_at, 0);
  if (version < 2 || version > 5) return false;
  std::uint64_t at = version_at + 2;
  if (version == 5) at += 2;  // the sizes of addresses and of segment selectors
  const std::uint64_t length = is_wide ? program.get_or<std::uint64_t>(at, UINT64_MAX)
                                       : program.get_or<std::uint32_t>(at, UINT32_MAX);
  if (length > kLongestHeader) return false;
  if (version < 5) return true;
  at += is_wide ? 8 : 4;
  // Lengths of instructions, default_is_stmt, line base and range; opcode_base; the opcodes.
  const std::uint8_t opcode_base = program.get_or<std::uint8_t>(at + 5, 0);
  at += 6 + (opcode_base > 0 ? opcode_base - 1 : 0);
  const llvm::dwarf::FormParams parameters{version, address_size,
                                           is_wide ? llvm::dwarf::DWARF64 : llvm::dwarf::DWARF32};
  const llvm::DataExtractor bytes(
      llvm::StringRef(reinterpret_cast<const char*>(program.data()), program.size()), true,
      address_size);
  return skip_table(bytes, at, parameters) && skip_table(bytes, at, parameters);
}

}  // namespace ntstack::dwarf
