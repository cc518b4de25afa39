#include "memory/page_tables.h"

#include <algorithm>
#include <bit>

namespace ntstack::memory {
namespace {

constexpr std::uint64_t kPage = 0x1000;
constexpr int kMostPrototypes = 2;  // a prototype entry is never itself a prototype's user
constexpr int kMostHoleSteps = 64;

constexpr std::uint64_t kPresent = 1, kLarge = 0x80;
// Windows' invalid entries (public PDB types _MMPTE_TRANSITION, _MMPTE_PROTOTYPE, _MMPTE_SOFTWARE).
constexpr std::uint64_t kPrototype = 0x400, kTransition = 0x800;
constexpr std::uint64_t kFrame64 = 0x000f'ffff'ffff'f000;

std::uint64_t page_part(std::uint64_t address, unsigned shift) {
  return address & ((std::uint64_t{1} << shift) - 1);
}

}  // namespace

std::string_view name_of(Paging paging) {
  switch (paging) {
    case Paging::x86:
      return "x86";
    case Paging::x86_pae:
      return "x86 PAE";
    case Paging::x64:
      return "x64, 4 levels";
    case Paging::x64_la57:
      return "x64, 5 levels";
    case Paging::arm64:
      return "ARM64";
  }
  return "unknown";
}

std::string_view text_of(Fault fault) {
  switch (fault) {
    case Fault::not_canonical:
      return "no address of this processor";
    case Fault::table_missing:
      return "the page table that maps it is not in the dump";
    case Fault::not_mapped:
      return "nothing is mapped there";
    case Fault::paged_out:
      return "it was paged out";
    case Fault::demand_zero:
      return "it was never touched";
    case Fault::looping:
      return "its page table entry leads to itself";
  }
  return "unknown";
}

PageTables::PageTables(const base::ByteSource& physical, Paging paging, std::uint64_t root)
    : physical_(physical), paging_(paging) {
  switch (paging) {
    case Paging::x86:
      root_ = root & 0xffff'f000;
      break;
    case Paging::x86_pae:
      root_ = root & 0xffff'ffe0;
      break;
    default:
      root_ = root & kFrame64;
      break;
  }
}

std::span<const PageTables::Level> PageTables::levels() const {
  static constexpr std::array<Level, 2> x86{{{22, 10, true}, {12, 10, false}}};
  static constexpr std::array<Level, 3> pae{{{30, 2, false}, {21, 9, true}, {12, 9, false}}};
  static constexpr std::array<Level, 5> x64{
      {{48, 9, false}, {39, 9, false}, {30, 9, true}, {21, 9, true}, {12, 9, false}}};
  switch (paging_) {
    case Paging::x86:
      return x86;
    case Paging::x86_pae:
      return pae;
    case Paging::x64_la57:
      return x64;
    default:
      return std::span(x64).subspan(1);
  }
}

bool PageTables::is_canonical(std::uint64_t address) const {
  if (paging_ == Paging::x86 || paging_ == Paging::x86_pae) return address <= UINT32_MAX;
  const unsigned bits = paging_ == Paging::x64_la57 ? 57 : 48;
  const auto above = static_cast<std::int64_t>(address) >> (bits - 1);
  return above == 0 || above == -1;
}

std::optional<std::uint64_t> PageTables::entry(std::uint64_t table, std::uint64_t index) const {
  if (paging_ != Paging::x86) return physical_.get<std::uint64_t>(table + index * 8);
  const auto value = physical_.get<std::uint32_t>(table + index * 4);
  return value ? std::optional<std::uint64_t>(*value) : std::nullopt;
}

std::uint64_t PageTables::frame_of(std::uint64_t entry) const {
  if (paging_ == Paging::x86) return entry & 0xffff'f000;
  return paging_ == Paging::arm64 ? entry & 0x0000'ffff'ffff'f000 : entry & kFrame64;
}

bool PageTables::has_byte(std::uint64_t physical) const {
  std::byte byte;
  return physical_.read(physical, std::span(&byte, 1)) == 1;
}

// Where processors are open to L1TF, Windows turns high bits of an invalid entry's frame on; the
// mask is in a variable without a public name. A frame that is nowhere is tried without them.
std::uint64_t PageTables::frame_of_transition(std::uint64_t entry) const {
  const std::uint64_t plain =
      paging_ == Paging::x86 ? entry & 0xffff'f000 : entry & 0x0000'ffff'ffff'f000;
  std::uint64_t frame = plain;
  while (frame != 0 && !has_byte(frame)) frame &= ~std::bit_floor(frame);
  return frame != 0 ? frame : plain;
}

std::expected<Translation, Fault> PageTables::through_prototype(std::uint64_t entry,
                                                                std::uint64_t offset,
                                                                int depth) const {
  // Its address is said in the high half: 48 bits on x64, 32 with PAE; two-level tables pack it in
  // a way that depends on the pool's place, and are not followed.
  if (paging_ == Paging::x86) return std::unexpected(Fault::paged_out);
  const std::uint64_t at = paging_ == Paging::x86_pae
                               ? entry >> 32
                               : static_cast<std::uint64_t>(static_cast<std::int64_t>(entry) >> 16);
  const bool by_vad = at == 0xffff'ffff || at == UINT64_MAX << 16;
  if (by_vad) return std::unexpected(Fault::paged_out);  // only the process's VADs know
  const Walk there = walk(at, depth + 1);
  if (!there.result) return std::unexpected(there.result.error());
  const auto prototype = physical_.get<std::uint64_t>(there.result->physical);
  if (!prototype) return std::unexpected(Fault::table_missing);
  std::expected<Translation, Fault> found = std::unexpected(Fault::paged_out);
  if ((*prototype & kPresent) != 0)
    found = Translation{frame_of(*prototype) + offset, kPage - offset, false, true};
  else if ((*prototype & kPrototype) == 0)  // a prototype entry with the bit is a file's subsection
    found = software_entry(*prototype, offset, depth + 1);
  if (found) found->through_prototype = true;
  return found;
}

std::expected<Translation, Fault> PageTables::software_entry(std::uint64_t entry,
                                                             std::uint64_t offset,
                                                             int depth) const {
  if (entry == 0) return std::unexpected(Fault::not_mapped);
  // ARM64's invalid entries have no public layout.
  if (paging_ == Paging::arm64) return std::unexpected(Fault::paged_out);
  if ((entry & kPrototype) != 0) {
    if (depth >= kMostPrototypes) return std::unexpected(Fault::looping);
    return through_prototype(entry, offset, depth);
  }
  if ((entry & kTransition) != 0)
    return Translation{frame_of_transition(entry) + offset, kPage - offset, true, false};
  // A page file's number and offset, or nothing but a protection.
  const std::uint64_t place = paging_ == Paging::x86 ? entry & 0xffff'f01e : entry >> 32;
  return std::unexpected(place != 0 ? Fault::paged_out : Fault::demand_zero);
}

PageTables::Walk PageTables::walk_uncached(std::uint64_t address, int depth) const {
  std::uint64_t table = root_;
  for (const Level& level : levels()) {
    const std::uint64_t index = page_part(address >> level.shift, level.bits);
    const auto found = entry(table, index);
    if (!found) return {std::unexpected(Fault::table_missing), level.shift};
    const bool is_last = level.shift == 12;
    if ((*found & kPresent) == 0) {
      if (is_last) return {software_entry(*found, page_part(address, 12), depth), 12};
      return {std::unexpected(*found == 0 ? Fault::not_mapped : Fault::paged_out), level.shift};
    }
    // ARM64: bit 1 is set where the entry is a table or, at the last level, a page; without it that
    // level has none.
    const bool is_arm64 = paging_ == Paging::arm64;
    if (is_last && is_arm64 && (*found & 2) == 0) return {std::unexpected(Fault::not_mapped), 12};
    const bool is_large = level.may_be_large && (is_arm64 ? (*found & 2) == 0 : *found & kLarge);
    if (!is_last && !is_large) {
      if (is_arm64 && (*found & 2) == 0) return {std::unexpected(Fault::not_mapped), level.shift};
      table = frame_of(*found);
      continue;
    }
    std::uint64_t frame = frame_of(*found);
    // PSE-36: bits 13 to 20 of a 4 MB page's entry are bits 32 to 39 of its frame.
    if (is_large && paging_ == Paging::x86) frame |= (*found >> 13 & 0xff) << 32;
    const std::uint64_t offset = page_part(address, level.shift);
    frame &= ~((std::uint64_t{1} << level.shift) - 1);
    return {Translation{frame + offset, (std::uint64_t{1} << level.shift) - offset, false, false},
            level.shift};
  }
  return {std::unexpected(Fault::not_mapped), 12};
}

PageTables::Walk PageTables::walk(std::uint64_t address, int depth) const {
  if (!is_canonical(address)) return {std::unexpected(Fault::not_canonical), 12};
  const std::uint64_t page = address / kPage, offset = address % kPage;
  Remembered& place = remembered_[page % remembered_.size()];
  if (place.page == page) return {Translation{place.physical + offset, kPage - offset, {}, {}}, 12};
  const Walk found = walk_uncached(address, depth);
  if (found.result && !found.result->in_transition && !found.result->through_prototype)
    place = {page, found.result->physical - offset};
  return found;
}

std::expected<Translation, Fault> PageTables::translate(std::uint64_t address) const {
  if (!is_canonical(address)) return std::unexpected(Fault::not_canonical);
  return walk_uncached(address, 0).result;
}

std::optional<PageTables::Mapped> PageTables::next_mapped(std::uint64_t address, std::uint64_t last,
                                                          std::uint64_t& steps) const {
  for (; address <= last && steps != 0; --steps) {
    if (!is_canonical(address)) {
      address = next_canonical(address);
      if (address == UINT64_MAX) break;
      continue;
    }
    const Walk here = walk_uncached(address, 0);
    if (here.result) return Mapped{address, here.result->physical, here.result->bytes};
    const std::uint64_t next = ((address >> here.shift) + 1) << here.shift;
    if (next <= address) break;
    address = next;
  }
  return std::nullopt;
}

std::size_t PageTables::read(std::uint64_t address, std::span<std::byte> out) const {
  std::size_t done = 0;
  while (done < out.size()) {
    if (done != 0 && address + done == 0) break;  // past the last address
    const Walk here = walk(address + done, 0);
    if (!here.result) break;
    const std::size_t size = std::min<std::uint64_t>(out.size() - done, here.result->bytes);
    const std::size_t got = physical_.read(here.result->physical, out.subspan(done, size));
    done += got;
    if (got != size) break;
  }
  return done;
}

base::Bytes PageTables::view(std::uint64_t address, std::size_t size) const {
  const Walk here = walk(address, 0);
  if (!here.result) return {};
  return physical_.view(here.result->physical, std::min<std::uint64_t>(size, here.result->bytes));
}

// The first address above one that no address can be.
std::uint64_t PageTables::next_canonical(std::uint64_t address) const {
  if (paging_ == Paging::x86 || paging_ == Paging::x86_pae) return UINT64_MAX;
  const std::uint64_t high = UINT64_MAX << (paging_ == Paging::x64_la57 ? 56 : 47);
  return address < high ? high : UINT64_MAX;
}

std::uint64_t PageTables::hole_end(std::uint64_t address) const {
  for (int i = 0; i < kMostHoleSteps && address != UINT64_MAX; ++i) {
    if (!is_canonical(address)) {
      address = next_canonical(address);
      continue;
    }
    const Walk here = walk_uncached(address, 0);
    std::uint64_t next = ((address >> here.shift) + 1) << here.shift;
    if (here.result) {
      // A dump may end, or begin, inside of a page.
      const std::uint64_t physical = here.result->physical;
      if (has_byte(physical)) return address;
      const std::uint64_t hole = physical_.hole_end(physical) - physical;
      next = address + std::min(hole, here.result->bytes);
    }
    address = next > address ? next : UINT64_MAX;
  }
  return address;
}

}  // namespace ntstack::memory
