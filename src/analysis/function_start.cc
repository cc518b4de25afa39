#include "analysis/function_start.h"

#include "unwind/x86_start.h"

namespace ntstack::analysis {
namespace {

constexpr int kMostChained = 32;
constexpr std::uint64_t kFarthestPadding = 0x4000;

namespace x64 = pe::x64;
namespace arm64 = pe::arm64;

std::optional<UnwindPart> x64_part(const unwind::Module& module, const x64::FunctionTable& table,
                                   std::uint32_t rva) {
  const auto function = table.find(rva);
  if (!function || rva < function->begin || rva >= function->end) return {};
  UnwindPart part{module.base + function->begin, module.base + function->end, 0};
  auto parent = function;
  for (int i = 0; parent && i < kMostChained; ++i) {
    part.primary = module.base + parent->begin;
    x64::UnwindScratch scratch;
    const auto raw = x64::raw_unwind_info(*module.image, *parent, scratch);
    const auto chained = raw && raw->chains() ? raw->chained() : std::nullopt;
    parent = chained ? x64::resolve(*module.image, *chained) : std::nullopt;
  }
  return part;
}

// A part whose prologue is elsewhere: its codes are behind end_c, or its packed entry says so.
bool is_fragment(const pe::Image& image, const arm64::RuntimeFunction& function) {
  if (function.form() == arm64::Form::packed_fragment) return true;
  if (function.form() == arm64::Form::packed) return false;
  arm64::UnwindScratch scratch;
  const auto raw = arm64::raw_unwind_info(image, function, scratch);
  if (!raw) return false;
  arm64::CodeReader reader(raw->codes);
  while (const auto code = reader.next())
    if (code->ends()) return code->op == arm64::Op::end_c;
  return false;
}

// No entry names the function that a fragment is of: it is the one that it follows without a gap.
std::optional<UnwindPart> arm64_part(const unwind::Module& module,
                                     const arm64::FunctionTable& table, std::uint32_t rva) {
  const auto function = table.find(rva);
  const auto length = function ? arm64::length_of(*module.image, *function) : std::nullopt;
  if (!length || rva < function->begin || rva - function->begin >= *length) return {};
  std::uint32_t primary = function->begin;
  auto at = function;
  for (int i = 0; i < kMostChained && primary > 0 && is_fragment(*module.image, *at); ++i) {
    const auto before = table.find(primary - 1);
    const auto size = before ? arm64::length_of(*module.image, *before) : std::nullopt;
    if (!size || before->begin >= primary || primary - before->begin > *size) break;
    primary = before->begin;
    at = before;
  }
  return UnwindPart{module.base + function->begin, module.base + function->begin + *length,
                    module.base + primary};
}

std::optional<FunctionStart> padded_start(const CodeView& view, std::uint64_t address) {
  if (view.architecture_at(address) != base::Architecture::x86 || address > UINT32_MAX) return {};
  const auto at = static_cast<std::uint32_t>(address);
  const std::uint32_t lowest = at > kFarthestPadding ? at - kFarthestPadding : 0;
  const auto start = unwind::x86::padded_start(view.code(), at, lowest);
  if (!start) return {};
  return FunctionStart{*start, StartFrom::padding, 0};
}

}  // namespace

std::string_view name_of(StartFrom from) {
  switch (from) {
    case StartFrom::record:
      return "record";
    case StartFrom::unwind_data:
      return "unwind_data";
    case StartFrom::symbol:
      return "symbol";
    case StartFrom::export_name:
      return "export";
    case StartFrom::padding:
      return "padding";
    case StartFrom::given:
      return "given";
    case StartFrom::none:
      break;
  }
  return "none";
}

std::optional<UnwindPart> unwind_part_at(const CodeView& view, std::uint64_t address) {
  const unwind::Module* module = view.modules().find(address);
  if (!module || !module->image || address - module->base > UINT32_MAX) return {};
  const auto rva = static_cast<std::uint32_t>(address - module->base);
  if (const auto* table = std::get_if<x64::FunctionTable>(&module->functions))
    return x64_part(*module, *table, rva);
  if (const auto* table = std::get_if<arm64::FunctionTable>(&module->functions))
    return arm64_part(*module, *table, rva);
  return {};
}

std::optional<FunctionStart> procedure_at(const CodeView& view, std::uint64_t address) {
  const auto module = view.symbolizer().module_at(address);
  if (!module) return {};
  const std::uint64_t base = view.symbolizer().modules()[*module].base;
  if (address - base > UINT32_MAX) return {};
  const auto rva = static_cast<std::uint32_t>(address - base);
  if (const pdb::Pdb* pdb = view.symbolizer().pdb(*module)) {
    const auto found = pdb->function_at(rva);
    if (!found || found->is_public || rva - found->rva >= found->size) return {};
    return FunctionStart{base + found->rva, StartFrom::record, base + found->rva + found->size};
  }
  const dwarf::Dwarf* dwarf = view.symbolizer().dwarf(*module);
  const auto found = dwarf ? dwarf->function_at(rva) : std::nullopt;
  if (!found || found->is_part || rva - found->rva >= found->size) return {};
  return FunctionStart{base + found->rva, StartFrom::record, base + found->rva + found->size};
}

std::vector<FunctionStart> function_starts(const CodeView& view, std::uint64_t address) {
  std::vector<FunctionStart> starts;
  if (const auto procedure = procedure_at(view, address)) starts.push_back(*procedure);
  if (const auto part = unwind_part_at(view, address)) {
    const auto primary = unwind_part_at(view, part->primary);
    starts.push_back({part->primary, StartFrom::unwind_data, primary ? primary->end : part->end});
  }
  const symbols::Symbol& symbol = view.symbolizer().name(address, false).function;
  if (!symbol.module.empty() && !symbol.name.empty() && symbol.offset <= address)
    starts.push_back({address - symbol.offset,
                      symbol.is_export ? StartFrom::export_name : StartFrom::symbol, 0});
  if (const auto padded = padded_start(view, address)) starts.push_back(*padded);
  return starts;
}

}  // namespace ntstack::analysis
