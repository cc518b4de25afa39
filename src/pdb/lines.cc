#include "pdb/lines.h"

#include <algorithm>

#include "pdb/cursor.h"

namespace ntstack::pdb {
namespace {

enum Subsection : std::uint32_t {
  DEBUG_S_LINES = 0xf2,
  DEBUG_S_FILECHKSMS = 0xf4,
  DEBUG_S_INLINEELINES = 0xf6,
  DEBUG_S_CROSSSCOPEIMPORTS = 0xf7,
  DEBUG_S_CROSSSCOPEEXPORTS = 0xf8,
};

constexpr std::uint16_t kHasColumns = 1;
constexpr std::uint32_t kLineMask = 0x00ffffff;
constexpr std::uint32_t kLineSize = 8, kColumnSize = 4;

// Lines that say "never step here" (code that the compiler made): no lines of any file.
constexpr bool is_marker(std::uint32_t line) { return line == 0xfeefee || line == 0xf00f00; }

// Pieces with up to this many bytes of lines are searched as they lie, larger ones sorted once.
constexpr std::size_t kSmallPiece = 1024;
constexpr std::size_t kMostOverlapping = 16;

constexpr std::uint64_t in_order(SectionOffset place) {
  return std::uint64_t{place.section} << 32 | place.offset;
}

// Calls visit(LineAt) for the lines of all blocks of a piece; offsets count from the piece's start.
template <class Visit>
void for_each_line(base::Bytes blocks, bool has_columns, Visit visit) {
  Cursor cursor(blocks);
  while (!cursor.at_end()) {
    const std::uint32_t file = cursor.u32();
    const std::uint32_t count = cursor.u32();
    cursor.u32();  // size
    const base::Bytes lines = cursor.bytes(std::uint64_t{count} * kLineSize);
    if (has_columns) cursor.skip(std::uint64_t{count} * kColumnSize);
    if (!cursor.ok()) return;
    for (std::uint64_t at = 0; at < lines.size(); at += kLineSize) {
      const std::uint32_t line = lines.get_or<std::uint32_t>(at + 4, 0) & kLineMask;
      visit(LineAt{file, line, lines.get_or<std::uint32_t>(at, 0)});
    }
  }
}

}  // namespace

ModuleLines::ModuleLines(base::Bytes subsections) {
  Cursor cursor(subsections);
  while (!cursor.at_end()) {
    const std::uint32_t kind = cursor.u32();
    const std::uint32_t length = cursor.u32();
    const base::Bytes subsection = cursor.bytes(length);
    if (!cursor.ok()) break;
    if (kind == DEBUG_S_LINES) add_lines(subsection);
    if (kind == DEBUG_S_FILECHKSMS) checksums_ = subsection;
    if (kind == DEBUG_S_INLINEELINES) add_inlinees(subsection);
    if (kind == DEBUG_S_CROSSSCOPEIMPORTS) add_imports(subsection);
    if (kind == DEBUG_S_CROSSSCOPEEXPORTS) add_exports(subsection);
    cursor.align(4);
  }
  const auto by_address = [](const Piece& piece) { return in_order(piece.place); };
  if (!std::ranges::is_sorted(pieces_, {}, by_address))
    std::ranges::stable_sort(pieces_, {}, by_address);
  starts_.reserve(pieces_.size());
  for (const Piece& piece : pieces_) starts_.push_back(in_order(piece.place));
  if (!std::ranges::is_sorted(inlinees_, {}, &Inlinee::id))
    std::ranges::stable_sort(inlinees_, {}, &Inlinee::id);
  if (!std::ranges::is_sorted(exports_, {}, &Export::local_id))
    std::ranges::stable_sort(exports_, {}, &Export::local_id);
}

void ModuleLines::add_lines(base::Bytes subsection) {
  Cursor cursor(subsection);
  Piece piece{};
  piece.place.offset = cursor.u32();
  piece.place.section = cursor.u16();
  piece.has_columns = (cursor.u16() & kHasColumns) != 0;
  piece.size = cursor.u32();
  piece.blocks = cursor.rest();
  if (cursor.ok()) pieces_.push_back(piece);
}

void ModuleLines::add_inlinees(base::Bytes subsection) {
  Cursor cursor(subsection);
  const bool has_more_files = cursor.u32() == 1;
  while (!cursor.at_end()) {
    Inlinee inlinee;
    inlinee.id = cursor.u32();
    inlinee.file = cursor.u32();
    inlinee.line = cursor.u32();
    if (has_more_files) {
      const std::uint64_t count = cursor.u32();
      cursor.skip(count * 4);
    }
    if (!cursor.ok()) return;
    inlinees_.push_back(inlinee);
  }
}

void ModuleLines::add_imports(base::Bytes subsection) {
  Cursor cursor(subsection);
  while (!cursor.at_end()) {
    const std::uint32_t module_name = cursor.u32();
    const std::uint64_t count = cursor.u32();
    const base::Bytes ids = cursor.bytes(count * 4);
    if (!cursor.ok()) return;
    imports_.push_back({module_name, ids});
  }
}

void ModuleLines::add_exports(base::Bytes subsection) {
  Cursor cursor(subsection);
  while (!cursor.at_end()) {
    const std::uint32_t local_id = cursor.u32();
    const std::uint32_t id = cursor.u32();
    if (!cursor.ok()) return;
    exports_.push_back({local_id, id});
  }
}

const std::vector<LineAt>& ModuleLines::sorted_lines(std::size_t piece) {
  const auto [place, is_new] = sorted_.try_emplace(piece);
  std::vector<LineAt>& lines = place->second;
  if (is_new) {
    for_each_line(pieces_[piece].blocks, pieces_[piece].has_columns, [&lines](const LineAt& each) {
      if (!is_marker(each.line)) lines.push_back(each);
    });
    std::ranges::stable_sort(lines, {}, &LineAt::offset);
  }
  return lines;
}

std::optional<LineAt> ModuleLines::find(SectionOffset place) {
  const auto after = std::ranges::upper_bound(starts_, in_order(place));
  std::size_t steps = 0;
  for (auto i = static_cast<std::size_t>(after - starts_.begin());
       i-- > 0 && steps < kMostOverlapping; ++steps) {
    const Piece& piece = pieces_[i];
    if (piece.place.section != place.section) break;
    const std::uint32_t offset = place.offset - piece.place.offset;
    if (offset >= piece.size) continue;
    std::optional<LineAt> found;
    if (piece.blocks.size() <= kSmallPiece) {
      for_each_line(piece.blocks, piece.has_columns, [&](const LineAt& each) {
        if (each.offset <= offset && !is_marker(each.line) &&
            (!found || each.offset >= found->offset))
          found = each;
      });
    } else {
      const auto& lines = sorted_lines(i);
      const auto next = std::ranges::upper_bound(lines, offset, {}, &LineAt::offset);
      if (next != lines.begin()) found = *std::prev(next);
    }
    if (!found) continue;
    found->offset += piece.place.offset;
    return found;
  }
  return std::nullopt;
}

const Inlinee* ModuleLines::inlinee(std::uint32_t id) const {
  const auto found = std::ranges::lower_bound(inlinees_, id, {}, &Inlinee::id);
  return found != inlinees_.end() && found->id == id ? &*found : nullptr;
}

std::string_view ModuleLines::file_name(std::uint32_t file, const NameTable& names) const {
  const auto name_at = checksums_.get<std::uint32_t>(file);
  return name_at ? names.at(*name_at).value_or(std::string_view()) : std::string_view();
}

std::optional<ModuleLines::ImportedId> ModuleLines::imported(std::uint32_t id) const {
  // 1 bit set, 11 bits of the import's place, 20 bits of the id's place in it
  const std::uint32_t import = (id >> 20) & 0x7ff;
  if (!(id & 0x80000000) || import >= imports_.size()) return std::nullopt;
  const auto local_id = imports_[import].ids.get<std::uint32_t>(std::uint64_t{id & 0xfffff} * 4);
  if (!local_id) return std::nullopt;
  return ImportedId{imports_[import].module_name, *local_id};
}

std::optional<std::uint32_t> ModuleLines::exported(std::uint32_t local_id) const {
  const auto found = std::ranges::lower_bound(exports_, local_id, {}, &Export::local_id);
  if (found == exports_.end() || found->local_id != local_id) return std::nullopt;
  return found->id;
}

}  // namespace ntstack::pdb
