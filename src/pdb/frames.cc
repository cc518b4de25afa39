#include "pdb/frames.h"

#include <algorithm>
#include <numeric>

#include "pdb/cursor.h"

namespace ntstack::pdb {
namespace {

constexpr std::uint32_t kFpoSize = 16;
constexpr std::uint32_t kFrameDataSize = 32;
constexpr std::uint32_t kMostNested = 256;

}  // namespace

FrameRecords::FrameRecords(base::Bytes records, std::uint32_t record_size)
    : records_(records),
      record_size_(record_size),
      count_(static_cast<std::uint32_t>(records.size() / record_size)) {
  bool sorted = true;
  for (std::uint32_t i = 1; i < count_ && sorted; ++i) sorted = start(i - 1) <= start(i);
  if (sorted) return;
  std::vector<std::uint32_t> order(count_);
  std::iota(order.begin(), order.end(), 0U);
  std::ranges::stable_sort(order, {}, [this](std::uint32_t i) { return start(i); });
  order_ = std::move(order);
}

base::Bytes FrameRecords::at(std::uint32_t index) const {
  const std::uint32_t place = order_.empty() ? index : order_[index];
  return records_.clamp(std::uint64_t{place} * record_size_, record_size_);
}

base::Bytes FrameRecords::find(std::uint32_t rva) const {
  std::uint32_t low = 0, high = count_;
  while (low < high) {
    const std::uint32_t middle = low + (high - low) / 2;
    if (start(middle) <= rva)
      low = middle + 1;
    else
      high = middle;
  }
  base::Bytes found;
  for (std::uint32_t step = 0; step < kMostNested && step < low; ++step) {
    const base::Bytes each = at(low - 1 - step);
    const std::uint32_t begin = each.get_or<std::uint32_t>(0, 0);
    const std::uint32_t size = each.get_or<std::uint32_t>(4, 0);
    if (!found.empty() && begin != found.get_or<std::uint32_t>(0, 0)) break;
    if (rva - begin >= size) continue;
    if (found.empty() || size <= found.get_or<std::uint32_t>(4, 0)) found = each;
  }
  return found;
}

FrameRecords fpo_records(base::Bytes stream) { return {stream, kFpoSize}; }

// The object files' four bytes of relocation may stand before the records.
FrameRecords frame_data_records(base::Bytes stream) {
  return {stream.size() % kFrameDataSize == 4 ? stream.clamp(4) : stream, kFrameDataSize};
}

FpoRecord decode_fpo(base::Bytes record) {
  Cursor cursor(record);
  FpoRecord fpo;
  fpo.rva = cursor.u32();
  fpo.size = cursor.u32();
  fpo.locals_size = std::min(cursor.u32(), UINT32_MAX / 4) * 4;
  fpo.params_size = cursor.u16() * 4U;
  const std::uint16_t bits = cursor.u16();
  fpo.prolog_size = static_cast<std::uint8_t>(bits);
  fpo.saved_registers = (bits >> 8) & 7;
  fpo.has_seh = (bits & 0x800) != 0;
  fpo.uses_bp = (bits & 0x1000) != 0;
  fpo.frame_type = static_cast<std::uint8_t>(bits >> 14);
  return fpo;
}

FrameDataRecord decode_frame_data(base::Bytes record, const NameTable& names) {
  Cursor cursor(record);
  FrameDataRecord frame;
  frame.rva = cursor.u32();
  frame.size = cursor.u32();
  frame.locals_size = cursor.u32();
  frame.params_size = cursor.u32();
  frame.max_stack = cursor.u32();
  frame.program = names.at(cursor.u32()).value_or(std::string_view());
  frame.prolog_size = cursor.u16();
  frame.saved_registers_size = cursor.u16();
  frame.flags = cursor.u32();
  return frame;
}

}  // namespace ntstack::pdb
