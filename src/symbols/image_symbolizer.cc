#include "symbols/image_symbolizer.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "symbols/undecorate.h"

namespace ntstack::symbols {
namespace {

std::optional<SourceLine> source_of(std::string_view file, std::uint32_t line) {
  if (file.empty()) return std::nullopt;
  return SourceLine{std::string(file), line};
}

std::optional<SourceLine> source_of(const std::optional<pdb::Line>& line) {
  return line ? source_of(line->file, line->line) : std::nullopt;
}

}  // namespace

std::optional<ImageSymbolizer::Function> ImageSymbolizer::function_at(std::uint32_t rva) {
  if (pdb_) {
    if (const auto found = pdb_->function_at(rva)) {
      return Function{
          found->is_public ? undecorate(found->name, is_x86()) : std::string(found->name),
          found->rva, false};
    }
  }
  if (auto found = function_of_dwarf(rva)) return found;
  if (const auto* symbol = nearest(coff_symbols(), rva)) {
    return Function{undecorate(symbol->name, is_x86()), symbol->rva, false};
  }
  if (const auto* symbol = nearest(exports(), rva)) {
    return Function{undecorate(symbol->name, is_x86()), symbol->rva, true};
  }
  return std::nullopt;
}

// A part that lies away from its function goes by the COFF symbol that stands for it ("f.cold"):
// an offset from the function's name would say that it lies there.
std::optional<ImageSymbolizer::Function> ImageSymbolizer::function_of_dwarf(std::uint32_t rva) {
  auto found = dwarf_ ? dwarf_->function_at(rva) : std::nullopt;
  if (!found) return std::nullopt;
  if (!found->is_part) return Function{std::move(found->name), found->rva, false};
  const auto* symbol = nearest(coff_symbols(), rva);
  if (symbol && symbol->rva == found->rva)
    return Function{undecorate(symbol->name, is_x86()), found->rva, false};
  return Function{found->name + ".cold", found->rva, false};
}

Frames ImageSymbolizer::frames_at(std::uint32_t rva, bool with_inlined) {
  Frames frames;
  if (auto function = function_at(rva)) {
    frames.function.name = std::move(function->name);
    frames.function.offset = rva - function->rva;
    frames.function.is_export = function->is_export;
  }
  if (pdb_) {
    add_lines_of_pdb(frames, rva, with_inlined);
  } else if (dwarf_) {
    add_lines_of_dwarf(frames, rva, with_inlined);
  }
  return frames;
}

// Where code was inlined a function's own line is that of the call in it: inlined lines are apart.
void ImageSymbolizer::add_lines_of_pdb(Frames& frames, std::uint32_t rva, bool with_inlined) const {
  frames.function.source = source_of(pdb_->line_at(rva));
  if (!with_inlined) return;
  auto inlined = pdb_->inlined_at(rva, nullptr);
  frames.inlined.reserve(inlined.size());
  for (pdb::InlineFrame& frame : inlined) {
    frames.inlined.push_back({.module = {},
                              .name = std::move(frame.name),
                              .offset = 0,
                              .is_export = false,
                              .source = source_of(frame.file, frame.line)});
  }
}

void ImageSymbolizer::add_lines_of_dwarf(Frames& frames, std::uint32_t rva,
                                         bool with_inlined) const {
  if (const auto line = dwarf_->line_at(rva))
    frames.function.source = source_of(line->file, line->line);
  if (!with_inlined) return;
  for (dwarf::InlineFrame& frame : dwarf_->inlined_at(rva)) {
    frames.inlined.push_back({.module = {},
                              .name = std::move(frame.name),
                              .offset = 0,
                              .is_export = false,
                              .source = source_of(frame.file, frame.line)});
  }
}

std::optional<std::uint32_t> ImageSymbolizer::rva_of(std::string_view name) {
  if (pdb_) {
    if (const auto rva = pdb_->rva_of(name)) return rva;
  }
  for (const auto* symbols : {&coff_symbols(), &exports()}) {
    for (const pe::ImageSymbol& symbol : *symbols) {
      if (symbol.name == name || undecorate(symbol.name, is_x86()) == name) return symbol.rva;
    }
  }
  // Last, since it may have to look through all of it.
  return dwarf_ ? dwarf_->rva_of(name) : std::nullopt;
}

const std::vector<pe::ImageSymbol>& ImageSymbolizer::coff_symbols() {
  if (!std::exchange(coff_symbols_.is_read, true) && image_) {
    coff_symbols_.symbols = pe::coff_symbols(*image_).value_or(std::vector<pe::ImageSymbol>());
  }
  return coff_symbols_.symbols;
}

const std::vector<pe::ImageSymbol>& ImageSymbolizer::exports() {
  if (!std::exchange(exports_.is_read, true) && image_) {
    exports_.symbols = pe::exports(*image_).value_or(std::vector<pe::ImageSymbol>());
  }
  return exports_.symbols;
}

const pe::ImageSymbol* ImageSymbolizer::nearest(const std::vector<pe::ImageSymbol>& symbols,
                                                std::uint32_t rva) const {
  const auto after = std::ranges::upper_bound(symbols, rva, {}, &pe::ImageSymbol::rva);
  if (after == symbols.begin()) return nullptr;
  const std::uint32_t nearest_rva = std::prev(after)->rva;
  const pe::Section* section = image_->section_of(rva);
  if (!section || nearest_rva < section->rva) return nullptr;
  // Of several names for one place the first is taken, so that the choice does not change.
  return &*std::ranges::lower_bound(symbols, nearest_rva, {}, &pe::ImageSymbol::rva);
}

bool ImageSymbolizer::is_x86() const {
  const std::uint32_t machine = pdb_ ? pdb_->machine() : image_ ? image_->machine() : 0;
  return base::architecture_of_machine(machine) == base::Architecture::x86;
}

}  // namespace ntstack::symbols
