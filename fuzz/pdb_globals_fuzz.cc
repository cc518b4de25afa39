// The hashed names of a PDB: the stream of publics, with its table by address, and that of globals.
// Two bytes say how many of the rest are it; the symbols that it points to follow.
#include "input.h"
#include "pdb/publics.h"
#include "pdb/symbol_records.h"

using namespace ntstack;

namespace {

void look_at_record(const pdb::SymbolRecord& record) {
  (void)pdb::procedure_of(record);
  (void)pdb::procedure_place_of(record);
  (void)pdb::label_of(record);
  (void)pdb::data_of(record);
  (void)pdb::separated_code_of(record);
  (void)pdb::trampoline_of(record);
  (void)pdb::procedure_reference_of(record);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const std::uint16_t table_size = input.u16();
  const base::Bytes table = input.bytes(table_size), symbols = input.rest();
  const pdb::Publics publics{pdb::Stream(table), pdb::Stream(symbols)};
  for (std::uint32_t offset = 0; offset < 0x2000; offset += 0x1f1) {
    const auto found = publics.nearest({1, offset});
    if (found) fuzz::require(found->place.section == 1 && found->place.offset <= offset);
  }
  const pdb::GlobalHash globals(pdb::Stream(table), 0, pdb::Stream(symbols));
  for (std::uint32_t at = 0, records = 0; records < 64; ++records) {
    const auto record = pdb::symbol_at(symbols, at);
    if (!record) break;
    fuzz::require(record->next > at && record->next <= symbols.size());
    look_at_record(*record);
    if (const auto named = pdb::public_of(*record)) {
      (void)publics.named(named->name);
      std::uint32_t visits = 0;
      globals.look_up(named->name, [&](const pdb::SymbolRecord&) { return ++visits > size; });
      fuzz::require(visits <= size);
    }
    at = record->next;
  }
  (void)publics.named("start");
  return 0;
}
