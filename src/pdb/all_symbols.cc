// All names of a PDB, one after the other: the stream of global symbols as it stands.
#include "pdb/state.h"

namespace ntstack::pdb {
namespace {

struct Listed {
  std::string_view name;
  NameKind kind = NameKind::procedure;
  SectionOffset place;                          // not of a procedure
  std::optional<ProcedureReference> reference;  // of a procedure
};

std::optional<Listed> listed(const SymbolRecord& record) {
  if (const auto reference = procedure_reference_of(record))
    return Listed{reference->name, NameKind::procedure, {}, reference};
  if (const auto found = public_of(record))
    return Listed{found->name, NameKind::public_name, found->place, {}};
  if (const auto found = data_of(record))
    return Listed{found->name, NameKind::data, found->place, {}};
  return std::nullopt;
}

}  // namespace

std::optional<ProcedureSymbol> Pdb::State::procedure_by(const ProcedureReference& reference) {
  const Module* owner = reference.module > 0 ? module(reference.module - 1U) : nullptr;
  const auto record = owner ? owner->symbols.record(reference.symbol) : std::nullopt;
  return record ? procedure_of(*record) : std::nullopt;
}

void Pdb::each_symbol(const std::function<bool(std::string_view, NameKind)>& wants,
                      const std::function<bool(const ListedSymbol&)>& found) const {
  if (!state_->dbi) return;
  const base::Bytes symbols = state_->stream(state_->dbi->symbols_stream).bytes();
  for (std::uint32_t at = 0; at < symbols.size();) {
    const auto record = symbol_at(symbols, at);
    if (!record || record->next <= at) return;
    at = record->next;
    const auto entry = listed(*record);
    if (!entry || !wants(entry->name, entry->kind)) continue;
    ListedSymbol symbol{entry->name, 0, 0, entry->kind};
    SectionOffset place = entry->place;
    if (entry->reference) {
      const auto procedure = state_->procedure_by(*entry->reference);
      if (!procedure) continue;
      place = procedure->place;
      symbol.size = procedure->size;
    }
    const auto rva = state_->addresses().rva(place);
    if (!rva) continue;
    symbol.rva = *rva;
    if (!found(symbol)) return;
  }
}

}  // namespace ntstack::pdb
