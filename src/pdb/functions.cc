// Names of addresses and addresses of names: modules' procedures first, then publics, then data.
#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "pdb/pdb.h"
#include "pdb/state.h"

namespace ntstack::pdb {

std::uint32_t Pdb::State::start_for(SectionOffset start, SectionOffset place, std::uint32_t rva) {
  const auto source_start = addresses().source_rva(start);
  const auto source = addresses().source_rva(place);
  return source_start && source ? start_for(*source_start, *source, rva) : rva;
}

// Code that was moved away from its start, by OMAP, is given the start that it would have had:
// name+offset then says where in the source's function it is.
std::uint32_t Pdb::State::start_for(std::uint32_t source_start, std::uint32_t source,
                                    std::uint32_t rva) {
  const std::uint32_t distance = source - source_start;
  return distance <= rva ? rva - distance : rva;
}

std::optional<Function> Pdb::State::function_at(SectionOffset place, std::uint32_t rva) {
  const auto owner = owner_of(place);
  if (owner) {
    if (auto found = named_by_module(*owner, place, rva)) return found;
  }
  const auto found = publics().nearest(place);
  if (owner && (!found || found->place.offset < owner->contribution)) {
    if (auto label = named_by_label(*owner, place, rva)) return label;
  }
  if (!found) return std::nullopt;
  return Function{found->name, start_for(found->place, place, rva), 0, true};
}

std::optional<Function> Pdb::State::named_by_module(const Owner& owner, SectionOffset place,
                                                    std::uint32_t rva) {
  const ModuleSymbols& symbols = owner.decoded->symbols;
  const ModuleSymbol* found = symbols.spanning(place);
  const auto record = found ? symbols.record(found->record) : std::nullopt;
  if (!record) return std::nullopt;
  if (const auto code = separated_code_of(*record)) return name_separated_code(*code, place, rva);
  const std::uint32_t start = start_for(found->place, place, rva);
  if (const auto trampoline = trampoline_of(*record))
    return Function{trampoline_name(*trampoline, *owner.decoded), start, found->size, false};
  return Function{symbols.name(*found), start, found->size, false};
}

// A label of assembly code, where the module's piece begins before any public of it does: better
// than another module's public.
std::optional<Function> Pdb::State::named_by_label(const Owner& owner, SectionOffset place,
                                                   std::uint32_t rva) {
  const ModuleSymbols& symbols = owner.decoded->symbols;
  const ModuleSymbol* found = symbols.nearest_label(place);
  if (!found || found->place.offset < owner.contribution) return std::nullopt;
  return Function{symbols.name(*found), start_for(found->place, place, rva), 0, false};
}

// Bears its function's name; offsets count from the function's start where that lies before.
std::optional<Function> Pdb::State::name_separated_code(const SeparatedCode& code,
                                                        SectionOffset place, std::uint32_t rva) {
  const auto owner = owner_of(code.parent);
  const ModuleSymbol* parent = owner ? owner->decoded->symbols.spanning(code.parent) : nullptr;
  std::string_view name = parent ? owner->decoded->symbols.name(*parent) : std::string_view();
  const bool is_public = name.empty();
  if (is_public) {
    const auto found = publics().nearest(code.parent);
    if (!found || found->place.offset != code.parent.offset) return std::nullopt;
    name = found->name;
  }
  const auto parent_rva = addresses().rva(code.parent);
  if (!parent_rva || *parent_rva > rva)
    return Function{name, start_for(code.place, place, rva), code.size, is_public};
  return Function{name, *parent_rva, parent ? parent->size : 0, is_public};
}

// As WinDbg names an incremental linker's jump: ILT+5(main), its distance from the first, its
// target.
std::string_view Pdb::State::trampoline_name(const Trampoline& trampoline, const Module& module) {
  std::string& name =
      trampoline_names[std::uint64_t{trampoline.place.section} << 32 | trampoline.place.offset];
  if (!name.empty()) return name;
  const auto target = publics().nearest(trampoline.target);
  const bool exact = target && target->place.offset == trampoline.target.offset;
  const SectionOffset first = module.symbols.first_trampoline().value_or(trampoline.place);
  name = fmt::format("ILT+{}({})", trampoline.place.offset - first.offset,
                     exact ? target->name : std::string_view("?"));
  return name;
}

std::optional<std::uint32_t> Pdb::State::procedure_named(std::string_view name) {
  std::optional<std::uint32_t> found;
  globals().look_up(name, [&](const SymbolRecord& record) {
    const auto reference = procedure_reference_of(record);
    if (!reference || reference->name != name || reference->module == 0) return false;
    const Module* owner = module(reference->module - 1U);
    const auto symbol = owner ? owner->symbols.record(reference->symbol) : std::nullopt;
    const auto procedure = symbol ? procedure_of(*symbol) : std::nullopt;
    if (procedure && procedure->name == name) found = addresses().rva(procedure->place);
    return found.has_value();
  });
  return found;
}

// By the name as it is, or as a C compiler for x86 decorates it: _name, _name@8, @name@8.
std::optional<std::uint32_t> Pdb::State::public_named(std::string_view name) {
  constexpr std::uint16_t kMachineI386 = 0x014c;
  constexpr int kMostParameterBytes = 128;
  const auto look_up = [this](std::string_view decorated) -> std::optional<std::uint32_t> {
    const auto found = publics().named(decorated);
    return found ? addresses().rva(found->place) : std::nullopt;
  };
  if (const auto rva = look_up(name)) return rva;
  if (!dbi || dbi->machine != kMachineI386 || name.starts_with('?')) return std::nullopt;
  if (const auto rva = look_up(fmt::format("_{}", name))) return rva;
  for (int bytes = 0; bytes <= kMostParameterBytes; bytes += 4) {
    if (const auto rva = look_up(fmt::format("_{}@{}", name, bytes))) return rva;
    if (const auto rva = look_up(fmt::format("@{}@{}", name, bytes))) return rva;
  }
  return std::nullopt;
}

std::optional<std::uint32_t> Pdb::State::data_named(std::string_view name) {
  std::optional<std::uint32_t> found;
  globals().look_up(name, [&](const SymbolRecord& record) {
    const auto data = data_of(record);
    if (data && data->name == name) found = addresses().rva(data->place);
    return found.has_value();
  });
  return found;
}

std::optional<Function> Pdb::function_at(std::uint32_t rva) const {
  const auto place = state_->locate(rva);
  return place ? state_->function_at(*place, rva) : std::nullopt;
}

std::optional<std::uint32_t> Pdb::rva_of(std::string_view name) const {
  if (const auto rva = state_->procedure_named(name)) return rva;
  if (const auto rva = state_->public_named(name)) return rva;
  return state_->data_named(name);
}

}  // namespace ntstack::pdb
