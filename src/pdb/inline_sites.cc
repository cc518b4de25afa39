#include "pdb/inline_sites.h"

#include <algorithm>
#include <tuple>

#include "pdb/cursor.h"
#include "pdb/symbol_records.h"

namespace ntstack::pdb {
namespace {

enum Annotation : std::uint32_t {
  kEnd = 0,
  kCodeOffset = 1,
  kChangeCodeOffsetBase = 2,
  kChangeCodeOffset = 3,
  kChangeCodeLength = 4,
  kChangeFile = 5,
  kChangeLineOffset = 6,
  kChangeLineEndDelta = 7,
  kChangeRangeKind = 8,
  kChangeColumnStart = 9,
  kChangeColumnEndDelta = 10,
  kChangeCodeOffsetAndLineOffset = 11,
  kChangeCodeLengthAndCodeOffset = 12,
  kChangeColumnEnd = 13,
};

constexpr std::size_t kDeepest = 128;  // sites within sites

// One byte, two or four, told by the first one's high bits; the high parts come first.
std::uint32_t take_number(Cursor& cursor) {
  const std::uint32_t first = cursor.u8();
  if (!(first & 0x80)) return first;
  const std::uint32_t second = cursor.u8();
  if (!(first & 0x40)) return (first & 0x3f) << 8 | second;
  const std::uint32_t third = cursor.u8();
  const std::uint32_t fourth = cursor.u8();
  return (first & 0x1f) << 24 | second << 16 | third << 8 | fourth;
}

// The lowest bit is the sign. Lines are added modulo 2^32.
std::uint32_t signed_delta(std::uint32_t number) {
  return number & 1 ? 0U - (number >> 1) : number >> 1;
}

// Follows the annotations as a machine with a place in the code, a file and a line.
class Decoder {
 public:
  Decoder(const Inlinee& start, std::uint32_t procedure_size)
      : procedure_size_(procedure_size), file_(start.file), line_(start.line) {}

  std::vector<InlinedRange> run(base::Bytes annotations) {
    Cursor cursor(annotations);
    while (!cursor.at_end()) {
      const std::uint32_t operation = take_number(cursor);
      if (!cursor.ok() || operation == kEnd || !step(operation, cursor)) break;
    }
    close(procedure_size_);
    return std::move(ranges_);
  }

 private:
  bool step(std::uint32_t operation, Cursor& cursor) {
    const std::uint32_t number = take_number(cursor);
    const std::uint32_t delta =
        operation == kChangeCodeLengthAndCodeOffset ? take_number(cursor) : 0;
    if (!cursor.ok()) return false;
    switch (operation) {
      case kCodeOffset:
        offset_ = number;
        return begin();
      case kChangeCodeOffsetBase:
        base_ = number;
        return true;
      case kChangeCodeOffset:
        offset_ += number;
        return begin();
      case kChangeCodeLength:
        close(offset_ + base_ + number);
        offset_ += number;
        return true;
      case kChangeFile:
        file_ = number;
        return true;
      case kChangeLineOffset:
        line_ += signed_delta(number);
        return true;
      case kChangeCodeOffsetAndLineOffset:
        offset_ += number & 0xf;
        line_ += signed_delta(number >> 4);
        return begin();
      case kChangeCodeLengthAndCodeOffset:
        offset_ += delta;
        begin();
        close(offset_ + base_ + number);
        return true;
      case kChangeLineEndDelta:
      case kChangeRangeKind:
      case kChangeColumnStart:
      case kChangeColumnEndDelta:
      case kChangeColumnEnd:
        return true;
      default:
        return false;
    }
  }

  bool begin() {
    close(offset_ + base_);
    ranges_.push_back({offset_ + base_, 0, file_, line_});
    is_open_ = true;
    return true;
  }

  // Ends the range that has no end yet.
  void close(std::uint32_t end) {
    if (is_open_) ranges_.back().end = std::max(ranges_.back().begin, end);
    is_open_ = false;
  }

  std::uint32_t procedure_size_;
  std::uint32_t base_ = 0, offset_ = 0, file_, line_;
  bool is_open_ = false;
  std::vector<InlinedRange> ranges_;
};

}  // namespace

std::vector<InlinedRange> decode_annotations(base::Bytes annotations, const Inlinee& start,
                                             std::uint32_t procedure_size) {
  return Decoder(start, procedure_size).run(annotations);
}

InlineTree::InlineTree(const ModuleSymbols& module, const ModuleLines& lines,
                       std::uint32_t procedure) {
  const auto record = module.record(procedure);
  const auto root = record ? procedure_of(*record) : std::nullopt;
  if (!root) return;

  std::vector<std::uint32_t> scopes;  // the sites around; 0: another kind of scope
  std::uint32_t parent = 0;
  for (std::uint32_t at = record->next; at < root->end;) {
    const auto each = module.record(at);
    if (!each || is_procedure(each->kind)) break;
    at = each->next;
    if (each->kind == S_INLINESITE || each->kind == S_INLINESITE2) {
      const std::uint64_t annotations_at = each->kind == S_INLINESITE2 ? 16 : 12;
      const std::uint32_t id = each->fields.get_or<std::uint32_t>(8, 0);
      const Inlinee* known = lines.inlinee(id);
      ids_.push_back(id);
      const auto site = static_cast<std::uint32_t>(ids_.size());
      for (const InlinedRange& range : decode_annotations(
               each->fields.clamp(annotations_at), known ? *known : Inlinee{id, 0, 0}, root->size))
        if (range.begin < range.end) ranges_.push_back({parent, site, range});
      scopes.push_back(parent);
      parent = site;
    } else if (opens_scope(each->kind)) {
      scopes.push_back(parent);
    } else if (closes_scope(each->kind)) {
      if (scopes.empty()) break;
      parent = scopes.back();
      scopes.pop_back();
    }
  }
  std::ranges::stable_sort(
      ranges_, {}, [](const Range& range) { return std::tuple(range.parent, range.code.begin); });
}

std::vector<InlinedCode> InlineTree::at(std::uint32_t offset) const {
  std::vector<InlinedCode> found;
  std::uint32_t parent = 0;
  while (found.size() < kDeepest) {
    const auto after = std::ranges::upper_bound(
        ranges_, std::tuple(parent, offset), {},
        [](const Range& range) { return std::tuple(range.parent, range.code.begin); });
    if (after == ranges_.begin()) break;
    const Range& range = *std::prev(after);
    if (range.parent != parent || offset >= range.code.end) break;
    found.push_back({ids_[range.site - 1], range.code.file, range.code.line});
    parent = range.site;
  }
  return found;
}

}  // namespace ntstack::pdb
