#include "pdb/module.h"

#include <algorithm>

namespace ntstack::pdb {
namespace {

constexpr std::uint32_t kSignature = 4;  // C13: symbols since Visual C++ 7
constexpr std::size_t kMostNested = 64;  // procedures of assembly code may lie in one another

std::uint64_t in_order(const ModuleSymbol& symbol) {
  return std::uint64_t{symbol.place.section} << 32 | symbol.place.offset;
}
std::uint64_t in_order(SectionOffset place) {
  return std::uint64_t{place.section} << 32 | place.offset;
}
constexpr auto kByAddress = [](const ModuleSymbol& symbol) { return in_order(symbol); };

std::uint32_t end_of(const ModuleSymbol& symbol) {
  return symbol.place.offset + std::min(symbol.size, UINT32_MAX - symbol.place.offset);
}

}  // namespace

ModuleSymbols::ModuleSymbols(base::Bytes symbols) : symbols_(symbols) {
  if (symbols_.get_or<std::uint32_t>(0, 0) != kSignature) return;
  for (std::uint32_t at = 4;;) {
    const auto record = symbol_at(symbols_, at);
    if (!record) break;
    add(*record);
    at = opens_scope(record->kind) ? after_scope(*record) : record->next;
  }
  sort();
}

void ModuleSymbols::add(const SymbolRecord& record) {
  if (is_procedure(record.kind) || record.kind == S_THUNK32) {
    if (const auto procedure = procedure_place_of(record))
      (procedure->size ? spans_ : labels_)
          .push_back({procedure->place, procedure->size, record.at});
  } else if (record.kind == S_LABEL32) {
    if (const auto label = label_of(record)) labels_.push_back({label->place, 0, record.at});
  } else if (record.kind == S_SEPCODE) {
    if (const auto code = separated_code_of(record))
      spans_.push_back({code->place, code->size, record.at});
  } else if (record.kind == S_TRAMPOLINE) {
    if (const auto trampoline = trampoline_of(record)) {
      spans_.push_back({trampoline->place, trampoline->size, record.at});
      if (!first_trampoline_ || trampoline->place.offset < first_trampoline_->offset)
        first_trampoline_ = trampoline->place;
    }
  }
}

// What is inside a scope is not of interest here: goes on behind its end record where that is where
// the scope says, else straight on.
std::uint32_t ModuleSymbols::after_scope(const SymbolRecord& record) const {
  const std::uint32_t end_at = record.fields.get_or<std::uint32_t>(4, 0);
  if (end_at < record.next) return record.next;
  const auto end = symbol_at(symbols_, end_at);
  return end && closes_scope(end->kind) ? end->next : record.next;
}

void ModuleSymbols::sort() {
  for (auto* each : {&spans_, &labels_}) {
    if (!std::ranges::is_sorted(*each, {}, kByAddress))
      std::ranges::stable_sort(*each, {}, kByAddress);
  }
  reach_.resize(spans_.size());
  for (std::size_t i = 0; i < spans_.size(); ++i) {
    const bool same_section = i > 0 && spans_[i - 1].place.section == spans_[i].place.section;
    reach_[i] = std::max(end_of(spans_[i]), same_section ? reach_[i - 1] : 0);
  }
}

const ModuleSymbol* ModuleSymbols::spanning(SectionOffset place) const {
  const auto after = std::ranges::upper_bound(spans_, in_order(place), {}, kByAddress);
  const ModuleSymbol* found = nullptr;
  std::size_t steps = 0;
  for (auto i = static_cast<std::size_t>(after - spans_.begin()); i-- > 0;) {
    const ModuleSymbol& each = spans_[i];
    if (each.place.section != place.section || reach_[i] <= place.offset) break;
    if (found && each.place.offset != found->place.offset) break;
    if (place.offset < end_of(each)) found = &each;  // of several at one address, the first
    if (++steps == kMostNested) break;
  }
  return found;
}

const ModuleSymbol* ModuleSymbols::nearest_label(SectionOffset place) const {
  auto after = std::ranges::upper_bound(labels_, in_order(place), {}, kByAddress);
  if (after == labels_.begin()) return nullptr;
  --after;
  return after->place.section == place.section ? &*after : nullptr;
}

std::string_view ModuleSymbols::name(const ModuleSymbol& symbol) const {
  const auto found = record(symbol.record);
  if (!found) return {};
  if (const auto procedure = procedure_of(*found)) return procedure->name;
  if (const auto label = label_of(*found)) return label->name;
  return {};
}

}  // namespace ntstack::pdb
