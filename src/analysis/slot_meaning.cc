#include "analysis/slot_meaning.h"

#include <algorithm>
#include <array>

#include "analysis/trap_fields.h"
#include "base/text.h"
#include "code/call.h"
#include "stacks/registers.h"

namespace ntstack::analysis {
namespace {

constexpr std::uint64_t kSmall = 0x10000;
constexpr std::size_t kTextBytes = 64;  // of a string that are looked at
constexpr std::size_t kLeastText = 4;   // characters that make a string
constexpr std::uint64_t kUsualObject = 1;

bool is_printable(unsigned char c) { return c >= 0x20 && c < 0x7f; }

// Printable characters at the start of `bytes`, every `step` bytes with zeros between them, and
// whether a NUL ends them.
std::string text_of(base::Bytes bytes, std::size_t step, bool& is_ended) {
  std::string text;
  is_ended = false;
  for (std::size_t at = 0; at + step <= bytes.size(); at += step) {
    const auto c = bytes.get_or<std::uint8_t>(at, 0);
    if (step == 2 && bytes.get_or<std::uint8_t>(at + 1, 1) != 0) break;
    if (c == 0) {
      is_ended = true;
      break;
    }
    if (!is_printable(c)) break;
    text += static_cast<char>(c);
  }
  return text;
}

// BL, BLR, and BLR with authentication (Arm Architecture Reference Manual, C6.2).
bool is_arm64_bl(std::uint32_t i) { return (i & 0xfc000000) == 0x94000000; }
bool is_arm64_blr(std::uint32_t i) {
  return (i & 0xfffffc1f) == 0xd63f0000 || (i & 0xfefff800) == 0xd63f0800;
}

}  // namespace

std::string_view name_of(SlotKind kind) {
  constexpr std::array<std::string_view, 15> names = {
      "none",    "trap_frame",  "return_address", "frame_pointer", "maybe_return",
      "code",    "module_data", "own_stack",      "other_stack",   "thread",
      "process", "pool_block",  "string",         "text",          "small_number"};
  return names.at(static_cast<std::size_t>(kind));
}

SlotReader::SlotReader(const target::Machine& machine, symbols::Symbolizer& symbolizer)
    : machine_(machine),
      symbolizer_(symbolizer),
      modules_(symbolizer),
      images_(modules_),
      memory_(&machine.memory(), &images_),
      wide_(machine.is_64_bit()),
      architecture_(machine.dump().architecture) {
  add_stacks();
  add_objects();
}

void SlotReader::add_stacks() {
  for (const target::Thread& thread : machine_.threads()) {
    const std::string whose = thread.address != 0 ? address_text(thread.address)
                                                  : fmt::format("{:#x}", thread.id.value_or(0));
    for (const target::StackSegment& segment : thread.segments)
      stacks_.push_back({segment.limit, segment.base,
                         fmt::format("{} stack of thread {}", name_of(segment.kind), whose),
                         SlotKind::other_stack});
  }
  for (const target::Processor& processor : machine_.processors())
    for (const target::StackSegment& segment : processor.segments)
      stacks_.push_back(
          {segment.limit, segment.base,
           fmt::format("{} stack of processor {}", name_of(segment.kind), processor.number),
           SlotKind::other_stack});
  std::ranges::sort(stacks_, {}, &Region::begin);
}

void SlotReader::add_objects() {
  using target::Field;
  const auto size_of = [&](Field field) {
    return std::uint64_t{machine_.offsets()[field].value_or(kUsualObject)};
  };
  for (const target::Thread& thread : machine_.threads())
    if (thread.address != 0)
      objects_.push_back({thread.address, thread.address + size_of(Field::ethread_size),
                          fmt::format("thread {}", address_text(thread.address)),
                          SlotKind::thread});
  for (const target::Process& process : machine_.processes())
    if (process.address != 0)
      objects_.push_back({process.address, process.address + size_of(Field::eprocess_size),
                          fmt::format("process {} {}", address_text(process.address),
                                      base::printable(process.name)),
                          SlotKind::process});
  std::ranges::sort(objects_, {}, &Region::begin);
}

const SlotReader::Region* SlotReader::region_of(const std::vector<Region>& regions,
                                                std::uint64_t address) const {
  const auto after = std::ranges::upper_bound(regions, address, {}, &Region::begin);
  if (after == regions.begin()) return nullptr;
  const Region& found = *std::prev(after);
  return address < found.end ? &found : nullptr;
}

std::string SlotReader::address_text(std::uint64_t address) const {
  return base::address_text(address, wide_);
}

std::string SlotReader::name_at(std::uint64_t address) {
  const std::string text = symbolizer_.name(address, false).function.text();
  return text.empty() ? address_text(address) : text;
}

SlotMeaning SlotReader::of(std::uint64_t address, std::uint64_t value) {
  if (auto found = as_trap_frame(address)) return *found;
  if (value < kSmall) return {value == 0 ? SlotKind::none : SlotKind::small_number, {}, {}, {}};
  if (auto found = as_return_address(value)) return *found;
  if (auto found = as_frame_pointer(address, value)) return *found;
  if (auto found = as_code(value)) {
    if (found->kind != SlotKind::module_data) return *found;
    return as_string(value).value_or(*found);
  }
  if (auto found = as_known_address(address, value)) return *found;
  if (auto found = as_string(value)) return *found;
  if (auto found = as_pool_block(value)) return *found;
  return as_text(value).value_or(SlotMeaning{});
}

// Trap frames begin where reading one succeeds, and what they interrupted is code of a module or of
// user mode.
void SlotReader::look_for_trap_frames(std::uint64_t address) {
  const std::uint64_t size = stacks::trap_frame_size(architecture_);
  const std::uint64_t step = stacks::trap_frame_alignment(architecture_);
  const bool goes_on = traps_.begin <= address && address >= traps_.end &&
                       address - traps_.end < size && traps_.end != 0;
  std::uint64_t from = traps_.end;
  if (!goes_on) {
    from = (address < size ? 0 : address - size + step) / step * step;
    traps_ = {from, from, {}};
  }
  for (; from <= address; from += step) {
    traps_.end = from + step;
    const auto frame =
        stacks::read_trap_frame(machine_.memory(), from, architecture_, machine_.kernel().build());
    if (!frame) continue;
    const std::uint64_t ip = stacks::ip_of(frame->registers);
    if (frame->from_user || symbolizer_.module_at(ip)) traps_.last = *frame;
  }
}

std::optional<SlotMeaning> SlotReader::as_trap_frame(std::uint64_t address) {
  if (machine_.dump().kind == dump::Kind::minidump) return std::nullopt;
  // ARM64's have little that tells them from other words: on a stack that is known alone.
  if (architecture_ == base::Architecture::arm64 && !region_of(stacks_, address))
    return std::nullopt;
  if (address < traps_.begin || address >= traps_.end) look_for_trap_frames(address);
  if (!traps_.last || address < traps_.last->address) return std::nullopt;
  const std::uint64_t offset = address - traps_.last->address;
  // A kernel trap's x86 frame has neither ESP nor what follows.
  const bool is_short = architecture_ == base::Architecture::x86 && !traps_.last->from_user;
  const std::uint64_t size =
      is_short ? unwind::x86::kTrapFrameHeaderSize : stacks::trap_frame_size(architecture_);
  if (offset >= size) return std::nullopt;
  const auto field = trap_field_at(architecture_, machine_.kernel().build(), offset);
  return SlotMeaning{SlotKind::trap_frame,
                     fmt::format("trap frame {}{}{}", address_text(traps_.last->address),
                                 field.empty() ? "" : ": ", field),
                     {},
                     {}};
}

std::optional<SlotMeaning> SlotReader::as_arm64_return(std::uint64_t value) const {
  if (value % 4 != 0 || value < 4) return std::nullopt;
  const auto last = memory_.get<std::uint32_t>(value - 4);
  if (!last) return std::nullopt;
  SlotMeaning meaning{SlotKind::return_address, "return address of an indirect call", {}, {}};
  if (is_arm64_bl(*last)) {
    // imm26, in instructions, signed.
    const auto words = static_cast<std::int32_t>(*last << 6) >> 6;
    meaning.call_target =
        value - 4 + static_cast<std::uint64_t>(static_cast<std::int64_t>(words) * 4);
    return meaning;
  }
  return is_arm64_blr(*last) ? std::optional(meaning) : std::nullopt;
}

std::optional<SlotMeaning> SlotReader::as_return_address(std::uint64_t value) {
  if (architecture_ == base::Architecture::arm64) value = unwind::arm64::without_pac(value);
  if (value == 0 || !symbolizer_.module_at(value - 1)) return std::nullopt;
  std::optional<SlotMeaning> meaning;
  if (architecture_ == base::Architecture::arm64) {
    meaning = as_arm64_return(value);
  } else {
    std::array<std::byte, code::kBytesBeforeReturn> before;
    if (value < before.size() || memory_.read(value - before.size(), before) != before.size())
      return std::nullopt;
    const auto call = code::call_before(std::span<const std::byte>(before),
                                        wide_ ? code::Mode::x64 : code::Mode::x86);
    if (!call) return std::nullopt;
    meaning = SlotMeaning{SlotKind::return_address, "return address of an indirect call", {}, {}};
    if (call->kind == code::CallKind::direct) meaning->call_target = call->target(value);
    if (call->kind == code::CallKind::through_pointer) {
      // x86 has the pointer's own address in the instruction.
      meaning->called_through =
          wide_ ? call->target(value) : static_cast<std::uint32_t>(call->distance);
      meaning->call_target = memory_.pointer(*meaning->called_through, wide_);
    }
  }
  if (!meaning) return std::nullopt;
  if (meaning->call_target && !wide_) *meaning->call_target &= UINT32_MAX;
  if (meaning->call_target && *meaning->call_target != 0)
    meaning->reason = fmt::format("return address of a call to {}", name_at(*meaning->call_target));
  if (meaning->called_through)
    meaning->reason += fmt::format(" through {}", address_text(*meaning->called_through));
  return meaning;
}

SlotReader::CallBefore SlotReader::call_before(std::uint64_t value) {
  if (architecture_ == base::Architecture::arm64) value = unwind::arm64::without_pac(value);
  if (value == 0 || !symbolizer_.module_at(value - 1)) return CallBefore::no;
  if (as_return_address(value)) return CallBefore::yes;
  // The shortest calls are of two bytes; ARM64's of four.
  return memory_.get<std::uint16_t>(value - 2) ? CallBefore::no : CallBefore::not_at_hand;
}

std::optional<SlotMeaning> SlotReader::as_frame_pointer(std::uint64_t address,
                                                        std::uint64_t value) {
  const std::uint64_t word = wide_ ? 8 : 4;
  // Of a stack that the machine does not have, the rest of a chain lies near.
  constexpr std::uint64_t near = 0x10000;
  const Region* stack = region_of(stacks_, address);
  if (address > UINT64_MAX - near) return std::nullopt;
  const std::uint64_t end = stack ? stack->end : address + near;
  if (value <= address || value % word != 0 || value >= end || end - value < 2 * word)
    return std::nullopt;
  const auto returns = memory_.pointer(address + word, wide_);
  const auto next = memory_.pointer(value, wide_);
  const auto next_returns = memory_.pointer(value + word, wide_);
  if (!returns || !next || !next_returns) return std::nullopt;
  const CallBefore here = call_before(*returns);
  if (here == CallBefore::no) return std::nullopt;
  const bool leads_on = *next > value && *next < end;
  const bool leads_out = *next == 0 || stacks::is_user_address(*next, architecture_);
  const bool is_last =
      leads_out && (*next_returns == 0 || stacks::is_user_address(*next_returns, architecture_));
  const CallBefore there = is_last ? here : call_before(*next_returns);
  if (there == CallBefore::no || (!leads_on && !leads_out)) return std::nullopt;
  const bool is_sure = here == CallBefore::yes && there == CallBefore::yes;
  return SlotMeaning{
      SlotKind::frame_pointer,
      fmt::format("frame pointer{}, to the next 0x{:x} bytes up",
                  is_sure ? "" : " by its chain (code not at hand)", value - address),
      {},
      {}};
}

std::optional<SlotMeaning> SlotReader::as_code(std::uint64_t value) {
  const auto module = symbolizer_.module_at(value);
  if (!module) return std::nullopt;
  const pe::Image* image = symbolizer_.image(*module);
  const auto rva = static_cast<std::uint32_t>(value - symbolizer_.modules()[*module].base);
  const pe::Section* section = image ? image->section_of(rva) : nullptr;
  if (image && (!section || !section->executable()))
    return SlotMeaning{SlotKind::module_data, {}, {}, {}};
  if (call_before(value) == CallBefore::not_at_hand)
    return SlotMeaning{
        SlotKind::maybe_return, "may be a return address: its code is not at hand", {}, {}};
  if (!image) return SlotMeaning{SlotKind::module_data, {}, {}, {}};
  const symbols::Symbol& symbol = symbolizer_.name(value, false).function;
  const bool is_start = !symbol.name.empty() && symbol.offset == 0;
  return SlotMeaning{
      SlotKind::code, is_start ? "a function's address" : "code, not behind a call", {}, {}};
}

std::optional<SlotMeaning> SlotReader::as_known_address(std::uint64_t address,
                                                        std::uint64_t value) const {
  if (const Region* stack = region_of(stacks_, value)) {
    if (stack == region_of(stacks_, address))
      return SlotMeaning{SlotKind::own_stack, "into this stack", {}, {}};
    return SlotMeaning{SlotKind::other_stack, "into the " + stack->what, {}, {}};
  }
  const Region* object = region_of(objects_, value);
  if (!object) return std::nullopt;
  const std::uint64_t offset = value - object->begin;
  return SlotMeaning{
      object->kind, object->what + (offset == 0 ? "" : fmt::format(" +0x{:x}", offset)), {}, {}};
}

// A POOL_HEADER before an address: its size is not 0 and its tag is four printable characters.
// From the public PDB types: x86 {9, 7, 9, 7 bits, tag}; 64 bits {8, 8, 8, 8 bits, tag, pointer}.
std::optional<SlotMeaning> SlotReader::as_pool_block(std::uint64_t value) const {
  const std::uint64_t header = wide_ ? 16 : 8;
  if (value % header != 0 || stacks::is_user_address(value, architecture_)) return std::nullopt;
  if (value < header) return std::nullopt;
  const auto sizes = memory_.get<std::uint32_t>(value - header);
  const auto tag = memory_.get<std::array<unsigned char, 4>>(value - header + 4);
  if (!sizes || !tag) return std::nullopt;
  const std::uint32_t blocks = wide_ ? *sizes >> 16 & 0xff : *sizes >> 16 & 0x1ff;
  if (blocks == 0 || blocks * header > 0x1000) return std::nullopt;
  std::string text;
  for (unsigned char c : *tag) {
    c &= 0x7f;  // the highest bit marks protected blocks
    if (!is_printable(c)) return std::nullopt;
    text += static_cast<char>(c);
  }
  return SlotMeaning{SlotKind::pool_block,
                     fmt::format("pool block of {:x} bytes, tag '{}'", blocks * header, text),
                     {},
                     {}};
}

std::optional<SlotMeaning> SlotReader::as_string(std::uint64_t value) const {
  std::array<std::byte, kTextBytes> buffer;
  const std::size_t size = memory_.read(value, buffer);
  const base::Bytes bytes(std::span<const std::byte>(buffer).first(size));
  for (const std::size_t step : {std::size_t{1}, std::size_t{2}}) {
    bool is_ended = false;
    const std::string text = text_of(bytes, step, is_ended);
    const bool is_long = text.size() * step + step > bytes.size();
    if (text.size() < kLeastText || (!is_ended && !is_long)) continue;
    return SlotMeaning{
        SlotKind::string,
        fmt::format("points to {}\"{}\"{}", step == 2 ? "L" : "", text, is_ended ? "" : "..."),
        {},
        {}};
  }
  return std::nullopt;
}

std::optional<SlotMeaning> SlotReader::as_text(std::uint64_t value) const {
  const base::Bytes bytes(std::as_bytes(std::span(&value, 1)).first(wide_ ? 8 : 4));
  for (const std::size_t step : {std::size_t{1}, std::size_t{2}}) {
    bool is_ended = false;
    const std::string text = text_of(bytes, step, is_ended);
    if (text.size() < kLeastText || text.size() * step != bytes.size()) continue;
    return SlotMeaning{
        SlotKind::text, fmt::format("text {}\"{}\"", step == 2 ? "L" : "", text), {}, {}};
  }
  return std::nullopt;
}

}  // namespace ntstack::analysis
