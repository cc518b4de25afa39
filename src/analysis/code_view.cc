#include "analysis/code_view.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "symbols/short_names.h"

namespace ntstack::analysis {

const pe::RelocatedPages* ImageFiles::pages_at(std::uint64_t address) const {
  const auto module = symbolizer_->module_at(address);
  if (!module) return nullptr;
  const auto [entry, is_new] = pages_.try_emplace(*module);
  if (is_new) {
    if (const pe::Image* file = symbolizer_->image_file(*module))
      entry->second =
          std::make_unique<pe::RelocatedPages>(*file, symbolizer_->modules()[*module].base);
  }
  return entry->second.get();
}

std::size_t ImageFiles::read(std::uint64_t address, std::span<std::byte> out) const {
  const pe::RelocatedPages* pages = pages_at(address);
  return pages ? pages->read(address, out) : 0;
}

base::Bytes ImageFiles::view(std::uint64_t address, std::size_t size) const {
  const pe::RelocatedPages* pages = pages_at(address);
  return pages ? pages->view(address, size) : base::Bytes();
}

CodeView::CodeView(const base::ByteSource& memory, symbols::Symbolizer& symbolizer,
                   base::Architecture machine)
    : memory_(&memory),
      symbolizer_(&symbolizer),
      machine_(machine),
      modules_(symbolizer),
      files_(symbolizer),
      code_(memory_, &files_) {}

base::Architecture CodeView::architecture_at(std::uint64_t address) const {
  const unwind::Module* module = modules_.find(address);
  const auto of_image =
      module && module->image ? module->image->architecture() : base::Architecture::unknown;
  return of_image != base::Architecture::unknown ? of_image : machine_;
}

bool CodeView::is_in_dump(std::uint64_t address, std::size_t size) const {
  return memory_->copy(address, size).size() == size;
}

std::optional<std::uint64_t> CodeView::pointer_in_dump(std::uint64_t address) const {
  return memory_->pointer(address, is_64_bit_at(address));
}

std::optional<code::Disassembled> CodeView::instruction_at(std::uint64_t address) const {
  std::array<std::byte, code::kLongestInstruction> bytes;
  const std::size_t size = code_.read(address, bytes);
  if (size == 0) return {};
  const base::Architecture architecture = architecture_at(address);
  auto& disassembler = disassemblers_.at(static_cast<std::size_t>(architecture));
  if (!disassembler) disassembler.emplace(architecture);
  return disassembler->at(base::Bytes(bytes.data(), size), address);
}

std::vector<std::byte> CodeView::bytes_of(const code::Disassembled& instruction) const {
  return code_.copy(instruction.address, instruction.length);
}

std::string CodeView::name(std::uint64_t address) const {
  const symbols::Symbol& symbol = symbolizer_->name(address, false).function;
  return symbol.module.empty() ? std::string() : symbol.text();
}

const pe::ImportSlot* CodeView::slot_at(std::uint64_t address) const {
  const auto module = symbolizer_->module_at(address);
  if (!module) return nullptr;
  const auto [entry, is_new] = imports_.try_emplace(*module);
  if (is_new) {
    const pe::Image* image = symbolizer_->image_file(*module);
    if (!image) image = symbolizer_->image(*module);
    auto read = image ? pe::imports(*image) : std::vector<pe::ImportSlot>();
    if (read) entry->second = std::move(*read);
  }
  const std::uint64_t rva = address - symbolizer_->modules()[*module].base;
  const auto found = std::ranges::lower_bound(entry->second, rva, {}, &pe::ImportSlot::rva);
  return found != entry->second.end() && found->rva == rva ? &*found : nullptr;
}

std::string CodeView::memory_name(std::uint64_t address) const {
  const symbols::Symbol& symbol = symbolizer_->name(address, false).function;
  if (symbol.module.empty()) return {};
  const bool is_its_own = !symbol.name.empty() && symbol.offset == 0;
  const pe::ImportSlot* slot = is_its_own ? nullptr : slot_at(address);
  return slot ? fmt::format("{}!_imp_{}", symbol.module, base::printable(slot->name))
              : symbol.text();
}

std::string CodeView::import_at(std::uint64_t slot) const {
  const pe::ImportSlot* found = slot_at(slot);
  if (!found) return {};
  return fmt::format(
      "{}!{}", symbols::is_kernel_name(found->dll) ? "nt" : symbols::short_name_of(found->dll),
      base::printable(found->name));
}

}  // namespace ntstack::analysis
