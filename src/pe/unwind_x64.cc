#include "pe/unwind_x64.h"

#include <algorithm>

namespace ntstack::pe::x64 {

using base::Bytes;
using base::fail;

namespace {

// The loader follows one indirection; a longer chain is no linker's.
constexpr int max_indirections = 4;

constexpr std::uint8_t flag_chained = 4;
constexpr std::uint8_t flags_handler = 1 | 2;
constexpr std::uint8_t flag_large = 8;
constexpr std::uint8_t flag_reserved = 16;

// UNWIND_INFO: version:3 flags:5, prologue's size, count of code slots, frame register:4 offset:4.
// Version 3 has in its last byte operations:5 epilogues:3, and words of payload as its slots.
struct Header {
  std::uint8_t version_and_flags;
  std::uint8_t prolog_size;
  std::uint8_t slot_count;
  std::uint8_t frame;
};
static_assert(sizeof(Header) == 4);

// UNWIND_CODE: an offset in the prologue, op:4 info:4.
struct Slot {
  std::uint8_t offset;
  std::uint8_t op_and_info;
  Op op() const { return static_cast<Op>(op_and_info & 0xf); }
  std::uint8_t info() const { return op_and_info >> 4; }
};
static_assert(sizeof(Slot) == 2);

std::optional<Slot> slot_at(const RawUnwindInfo& raw, std::size_t index) {
  return raw.slots.get<Slot>(index * sizeof(Slot));
}

bool is_epilog(const RawUnwindInfo& raw, const Slot& slot) {
  return raw.version == 2 && slot.op() == Op::epilog;
}

std::size_t trailer_size(std::uint8_t flags) {
  if (flags & flag_chained) return sizeof(RuntimeFunction);
  return (flags & flags_handler) ? sizeof(std::uint32_t) : 0;
}

base::Result<RawUnwindInfo> version_3(RawUnwindInfo raw, const Header& header, Bytes payload) {
  if (raw.flags & flag_reserved) {
    return fail("the unwind info at RVA {:#x} has an unknown flag", raw.function.unwind);
  }
  const bool large = (raw.flags & flag_large) != 0;
  raw.payload = {payload, static_cast<std::uint8_t>(header.frame & 0x1f),
                 static_cast<std::uint8_t>(header.frame >> 5), large};
  if (large) {
    const int high = payload.get_or<std::uint8_t>(0, 0);
    raw.prolog_size = static_cast<std::uint16_t>(raw.prolog_size | high << 8);
  }
  return raw;
}

// Appends what the operations are. False where one is malformed: then `error` says how.
bool decode_windings(const RawWindings& raw, std::vector<Winding>& windings, const char*& error) {
  WindingReader reader(raw);
  while (const auto winding = reader.next()) windings.push_back(*winding);
  error = reader.error();
  return error == nullptr;
}

base::Result<void> decode_version_3(const RawUnwindInfo& raw, UnwindInfo& info) {
  const auto payload = windings_of(raw);
  if (!payload) return std::unexpected(payload.error());
  const char* error = nullptr;
  bool good = decode_windings(payload->prolog, info.windings, error);
  for (const RawWindingEpilog& epilog : payload->epilogs()) {
    auto& decoded = info.winding_epilogs.emplace_back();
    decoded.start = epilog.start;
    decoded.last = epilog.last;
    decoded.to_parent = epilog.to_parent;
    good = good && decode_windings(epilog.windings, decoded.windings, error);
  }
  if (!good) return fail("the unwind info at RVA {:#x} has {}", raw.function.unwind, error);
  return {};
}

}  // namespace

std::optional<RuntimeFunction> FunctionTable::find(std::uint32_t rva) const {
  const auto found =
      nearest(rva, [&](const RuntimeFunction& function) { return rva >= function.end; });
  return found && rva < found->end ? resolve(image(), *found) : std::nullopt;
}

std::optional<RuntimeFunction> resolve(const Image& image, const RuntimeFunction& function) {
  RuntimeFunction found = function;
  for (int i = 0; i < max_indirections; ++i) {
    if ((found.unwind & 1) == 0) return found;
    const auto next = image.get<RuntimeFunction>(found.unwind & ~1u);
    if (!next) return {};
    found = *next;
  }
  return (found.unwind & 1) == 0 ? std::optional(found) : std::nullopt;
}

std::optional<RuntimeFunction> RawUnwindInfo::chained() const {
  return chains() ? trailer.get<RuntimeFunction>(0) : std::nullopt;
}

base::Result<RawUnwindInfo> raw_unwind_info(const Image& image, const RuntimeFunction& function,
                                            UnwindScratch& scratch) {
  const auto direct =
      (function.unwind & 1) == 0 ? std::optional(function) : resolve(image, function);
  if (!direct) return fail("the indirect unwind entry for RVA {:#x} leads nowhere", function.begin);
  Bytes bytes = image.view(direct->unwind, UnwindScratch::largest);
  const auto header =
      bytes.size() >= sizeof(Header) ? bytes.get<Header>(0) : image.get<Header>(direct->unwind);
  if (!header) return fail("the unwind info at RVA {:#x} is not there", direct->unwind);

  RawUnwindInfo raw;
  raw.function = *direct;
  raw.version = header->version_and_flags & 7;
  raw.flags = header->version_and_flags >> 3;
  raw.prolog_size = header->prolog_size;
  if (raw.version == 0 || raw.version > 3) {
    return fail("the unwind info at RVA {:#x} has version {}; 1 to 3 are known", direct->unwind,
                raw.version);
  }
  const std::size_t slots = header->slot_count * sizeof(Slot);
  const std::size_t trailer = sizeof(Header) + (header->slot_count + 1u) / 2 * 4;
  const std::size_t size = trailer + trailer_size(raw.flags);
  if (bytes.size() < size) {
    bytes = Bytes(scratch.bytes.data(),
                  image.read(direct->unwind, std::span(scratch.bytes).first(size)));
  }
  const auto codes = bytes.slice(sizeof(Header), slots);
  if (!codes) return fail("the unwind info at RVA {:#x} is cut short", direct->unwind);
  raw.trailer = bytes.clamp(trailer, trailer_size(raw.flags));
  if (raw.version == 3) return version_3(raw, *header, *codes);
  raw.frame_register = header->frame & 0xf;
  raw.frame_offset = (header->frame >> 4) * 16u;
  raw.slots = *codes;
  return raw;
}

base::Result<WindingPayload> windings_of(const RawUnwindInfo& raw) {
  const auto payload = take_apart(raw.payload, raw.function.begin, raw.function.end);
  if (payload) return *payload;
  return fail("the unwind info at RVA {:#x} has {}", raw.function.unwind, payload.error());
}

std::optional<UnwindCode> CodeReader::bad(const char* error) {
  error_ = error;
  return {};
}

// What the slots behind the one at slot_ hold: one as u16, two as u32.
std::optional<std::uint32_t> CodeReader::operand(std::size_t slots) const {
  const std::size_t offset = (slot_ + 1) * sizeof(Slot);
  if (slots == 2) return raw_->slots.get<std::uint32_t>(offset);
  const auto value = raw_->slots.get<std::uint16_t>(offset);
  return value ? std::optional<std::uint32_t>(*value) : std::nullopt;
}

std::optional<UnwindCode> CodeReader::next() {
  if (error_) return {};
  auto slot = slot_at(*raw_, slot_);
  while (slot && is_epilog(*raw_, *slot)) slot = slot_at(*raw_, ++slot_);
  if (!slot) return {};

  UnwindCode code{slot->offset, slot->op(), slot->info(), 0};
  std::size_t operand_slots = 0;
  std::uint32_t scale = 1;
  switch (code.op) {
    case Op::push_nonvol:
      code.amount = 8;
      break;
    case Op::alloc_large:
      if (code.info > 1) return bad("an ALLOC_LARGE code of an unknown kind");
      operand_slots = code.info == 0 ? 1 : 2;
      scale = code.info == 0 ? 8 : 1;
      break;
    case Op::alloc_small:
      code.amount = code.info * 8u + 8;
      break;
    case Op::set_fpreg:
      code.amount = raw_->frame_offset;
      break;
    case Op::save_nonvol:
      operand_slots = 1, scale = 8;
      break;
    case Op::save_nonvol_far:
      operand_slots = 2;
      break;
    case Op::spare:
      operand_slots = 2;
      break;
    case Op::save_xmm128:
      operand_slots = 1, scale = 16;
      break;
    case Op::save_xmm128_far:
      operand_slots = 2;
      break;
    case Op::push_machframe:
      if (code.info > 1) return bad("a PUSH_MACHFRAME code of an unknown kind");
      break;
    case Op::set_fpreg_large:
      operand_slots = 2, scale = 16;
      break;
    default:
      return bad("an unknown operation");
  }
  if (code.op == Op::set_fpreg || code.op == Op::set_fpreg_large) {
    if (!raw_->frame_register) return bad("a SET_FPREG code without a frame register");
    code.info = raw_->frame_register;
  }
  if (operand_slots) {
    const auto value = operand(operand_slots);
    if (!value) return bad("a code that lacks its operand");
    if (*value > UINT32_MAX / scale) return bad("a frame offset past 4 GB");
    code.amount = *value * scale;
  }
  slot_ += 1 + operand_slots;
  return code;
}

// The first EPILOG code holds the length of all epilogues, and whether one ends the function; each
// further one the distance from the function's end to an epilogue's start, 0 as padding.
EpilogReader::EpilogReader(const RawUnwindInfo& raw) : raw_(&raw) {
  const auto first = slot_at(raw, 0);
  if (!first || !is_epilog(raw, *first)) return;
  size_ = first->offset;
  at_end_pending_ = (first->info() & 1) != 0;
  slot_ = 1;
}

std::optional<Epilog> EpilogReader::next() {
  const std::uint32_t begin = raw_->function.begin;
  const std::uint32_t end = raw_->function.end;
  const std::uint32_t length = end > begin ? end - begin : 0;
  if (slot_ == 0) return {};
  if (at_end_pending_) {
    at_end_pending_ = false;
    if (size_ != 0 && size_ <= length) return Epilog{end - size_, size_};
  }
  for (;;) {
    const auto slot = slot_at(*raw_, slot_);
    if (!slot || !is_epilog(*raw_, *slot)) return {};
    ++slot_;
    const std::uint32_t distance = slot->info() * 256u + slot->offset;
    if (distance != 0 && distance <= length) return Epilog{end - distance, size_};
  }
}

std::optional<Epilog> epilog_at(const RawUnwindInfo& raw, std::uint32_t rva) {
  EpilogReader reader(raw);
  while (const auto epilog = reader.next()) {
    if (rva >= epilog->start && rva - epilog->start < epilog->size) return epilog;
  }
  return {};
}

base::Result<UnwindInfo> decode(const Image& image, const RuntimeFunction& function) {
  UnwindScratch scratch;
  const auto raw = raw_unwind_info(image, function, scratch);
  if (!raw) return std::unexpected(raw.error());
  UnwindInfo info;
  info.version = raw->version;
  info.flags = raw->flags;
  info.prolog_size = raw->prolog_size;
  info.frame_register = raw->frame_register;
  info.frame_offset = raw->frame_offset;
  CodeReader codes(*raw);
  while (const auto code = codes.next()) info.codes.push_back(*code);
  if (codes.error()) {
    return fail("the unwind info at RVA {:#x} has {}", raw->function.unwind, codes.error());
  }
  EpilogReader epilogs(*raw);
  while (const auto epilog = epilogs.next()) info.epilogs.push_back(*epilog);
  if (raw->version == 3) {
    if (const auto decoded = decode_version_3(*raw, info); !decoded) {
      return std::unexpected(decoded.error());
    }
  }
  info.chained = raw->chained();
  if (raw->has_handler()) info.handler = raw->trailer.get<std::uint32_t>(0);
  if ((raw->chains() && !info.chained) || (raw->has_handler() && !info.handler)) {
    return fail("the unwind info at RVA {:#x} is cut short", raw->function.unwind);
  }
  return info;
}

}  // namespace ntstack::pe::x64
