// One module's stream of a PDB: what spans an address, inlined functions, locals. Two bytes say how
// many of the rest are symbols; subsections of lines follow.
#include "input.h"
#include "pdb/inline_sites.h"
#include "pdb/lines.h"
#include "pdb/locals.h"
#include "pdb/module.h"

using namespace ntstack;

namespace {

void look_at_procedure(const pdb::ModuleSymbols& module, const pdb::ModuleLines& lines,
                       const pdb::ModuleSymbol& symbol) {
  const pdb::InlineTree tree(module, lines, symbol.record);
  const std::uint32_t step = std::max<std::uint32_t>(symbol.size / 16, 1);
  for (std::uint32_t i = 0; i < 16; ++i) (void)tree.at(i * step);
  for (const std::uint32_t machine : {0x8664u, 0x14cu, 0xaa64u})
    for (const auto& local : pdb::read_locals(module, symbol.record, machine).locals) {
      fuzz::require(!local.places.empty());
      (void)pdb::frame_register(local.places.front().base, machine);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const std::uint16_t symbols_size = input.u16();
  const pdb::ModuleSymbols module(input.bytes(symbols_size));
  const pdb::ModuleLines lines(input.rest());
  fuzz::require(module.spans().size() <= size);
  std::size_t looked_at = 0;
  for (const pdb::ModuleSymbol& symbol : module.spans()) {
    (void)module.name(symbol);
    if (symbol.place.offset != UINT32_MAX)
      fuzz::require(module.spanning(symbol.place) != nullptr || symbol.size == 0);
    (void)module.nearest_label(symbol.place);
    if (++looked_at <= 8) look_at_procedure(module, lines, symbol);
  }
  for (std::uint32_t offset = 0; offset < 0x400; offset += 0x33) {
    (void)module.spanning({1, offset});
    (void)module.nearest_label({1, offset});
  }
  (void)module.first_trampoline();
  return 0;
}
