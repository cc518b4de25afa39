#include "unwind/arm64_sequence.h"

#include <limits>

namespace ntstack::unwind::arm64 {

using pe::arm64::Op;
using pe::arm64::RuntimeFunction;
using pe::arm64::UnwindCode;

std::optional<UnwindCode> Sequence::next() {
  while (const auto code = codes_.next()) {
    if (code->op == Op::end) break;
    if (skipped_ != 0 && !code->ends()) {
      skipped_ -= code->instructions();
      continue;
    }
    skipped_ = 0;
    return code;
  }
  return {};
}

namespace {

std::expected<Sequence, StepError> in_function(const pe::Image& image,
                                               const RuntimeFunction& function, std::uint32_t rva,
                                               bool is_call_site,
                                               pe::arm64::UnwindScratch& scratch) {
  const auto info = pe::arm64::raw_unwind_info(image, function, scratch);
  if (!info) {
    const bool there = function.form() != pe::arm64::Form::xdata ||
                       image.get<std::uint32_t>(function.unwind).has_value();
    return std::unexpected(there ? StepError::unwind_data_bad : StepError::unwind_data_missing);
  }
  const std::uint32_t offset = rva - function.begin;
  const std::uint32_t prologue = pe::arm64::instruction_count(*info, 0);
  if (offset / 4 < prologue) return Sequence(info->codes, 0, prologue - offset / 4);
  if (!is_call_site) {  // no epilogue holds a call
    if (const auto epilog = pe::arm64::epilog_at(image, *info, offset))
      return Sequence(info->codes, epilog->index, (offset - epilog->start) / 4);
  }
  return Sequence(info->codes, 0, 0);
}

}  // namespace

std::expected<Sequence, StepError> sequence_at(const CodeMap& code, std::uint64_t pc,
                                               bool is_call_site,
                                               pe::arm64::UnwindScratch& scratch) {
  const std::uint64_t address = is_call_site ? pc - 4 : pc;
  const Module* module = code.find(address);
  if (!module || address < module->base) return std::unexpected(StepError::no_module);
  if (!module->image) return std::unexpected(StepError::no_image);
  const auto* functions = std::get_if<pe::arm64::FunctionTable>(&module->functions);
  if (!functions) return std::unexpected(StepError::unwind_data_missing);
  const std::uint64_t offset = address - module->base;
  if (offset > std::numeric_limits<std::uint32_t>::max() - 4)
    return std::unexpected(StepError::no_module);
  const auto rva = static_cast<std::uint32_t>(offset);

  const auto function = functions->find(rva);
  if (function) return in_function(*module->image, *function, rva, is_call_site, scratch);
  if (functions->missing()) return std::unexpected(StepError::unwind_data_missing);
  if (!is_call_site) return Sequence();
  // A leaf calls nothing. But a start address that was put where a return address lies may be the
  // first of its function.
  const auto next = functions->find(rva + 4);
  if (next && next->begin == rva + 4)
    return in_function(*module->image, *next, rva + 4, true, scratch);
  return std::unexpected(StepError::not_described);
}

}  // namespace ntstack::unwind::arm64
