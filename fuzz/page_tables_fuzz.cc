// Page tables of every kind from physical memory that is anything: what is translated lies where
// next_mapped() says, pages are read as they are translated, holes end.
#include "input.h"
#include "memory/page_tables.h"

using namespace ntstack;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using memory::Paging;
  if (size > 0x10000) return 0;
  constexpr Paging kKinds[] = {Paging::x86, Paging::x86_pae, Paging::x64, Paging::x64_la57,
                               Paging::arm64};
  fuzz::Input input(data, size);
  const Paging paging = kKinds[input.u8() % 5];
  const std::uint64_t root = (input.u8() % 16u) << 12;
  const std::uint64_t asked[] = {input.u64(), input.u64()};
  const base::SegmentSource physical({{0, input.rest()}});
  const memory::PageTables tables(physical, paging, root);
  std::uint64_t steps = 4096;
  std::uint64_t at = 0;
  for (int i = 0; i < 64; ++i) {
    const auto mapped = tables.next_mapped(at, UINT64_MAX, steps);
    if (!mapped) break;
    fuzz::require(mapped->address >= at && mapped->bytes != 0);
    const auto same = tables.translate(mapped->address);
    fuzz::require(same && same->physical == mapped->physical);
    at = mapped->address + mapped->bytes;
    if (at < mapped->address || at == 0) break;
  }
  std::array<std::byte, 0x1800> out;
  for (const std::uint64_t address : {asked[0], asked[1], asked[0] & ~std::uint64_t{0xfff}, at}) {
    const auto translated = tables.translate(address);
    if (!translated) (void)memory::text_of(translated.error());
    const std::size_t there = tables.read(address, out);
    fuzz::require(tables.view(address, out.size()).size() <= there);
    const std::uint64_t end = tables.hole_end(address);
    fuzz::require(there != 0 || end > address || end == UINT64_MAX);
  }
  return 0;
}
