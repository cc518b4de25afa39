#include "stacks/call_edge.h"

#include <array>
#include <optional>
#include <span>
#include <type_traits>
#include <variant>

#include "code/call.h"
#include "stacks/tail_jumps.h"

namespace ntstack::stacks {
namespace {

using base::Architecture;

constexpr int kMostJumps = 4;  // from a call to the function itself: thunks of linkers
constexpr int kMostParents = 32;
constexpr std::uint64_t kMostFunction = 0x10000;  // bytes, where nothing says where functions begin

std::int64_t signed_field(std::uint32_t value, unsigned bits) {
  const auto sign = std::uint32_t{1} << (bits - 1);
  const std::uint32_t field = value & ((sign << 1) - 1);
  return static_cast<std::int64_t>(field ^ sign) - static_cast<std::int64_t>(sign);
}

struct Target {
  enum class Found : std::uint8_t { call, no_call, no_code };
  Found found = Found::no_code;
  std::optional<std::uint64_t> address;  // nothing: not known
};

Target arm64_target(const CodeAtHand& at_hand, std::uint64_t return_address) {
  const auto word = at_hand.code->get<std::uint32_t>(return_address - 4);
  if (!word) return {};
  if ((*word & 0xfc000000) == 0x94000000)
    return {Target::Found::call,
            return_address - 4 + static_cast<std::uint64_t>(signed_field(*word, 26) * 4)};
  const bool is_indirect = (*word & 0xfffffc1f) == 0xd63f0000 || (*word & 0xfefff800) == 0xd63f0800;
  return {is_indirect ? Target::Found::call : Target::Found::no_call, {}};
}

// The target of the call that ends at an address.
Target target_of(const CodeAtHand& at_hand, std::uint64_t return_address) {
  if (at_hand.architecture == Architecture::arm64) return arm64_target(at_hand, return_address);
  const bool wide = at_hand.architecture == Architecture::x64;
  std::array<std::byte, code::kBytesBeforeReturn> buffer;
  for (std::size_t size = buffer.size(); size >= 2; size /= 2) {
    const std::span<std::byte> out = std::span(buffer).first(size);
    if (return_address < size || at_hand.code->read(return_address - size, out) != size) continue;
    const auto call = code::call_before(base::Bytes(out), wide ? code::Mode::x64 : code::Mode::x86);
    if (!call) return {size < 8 ? Target::Found::no_code : Target::Found::no_call, {}};
    if (call->kind == code::CallKind::direct) {
      const std::uint64_t target = call->target(return_address);
      return {Target::Found::call, wide ? target : target & UINT32_MAX};
    }
    if (call->kind != code::CallKind::through_pointer) return {Target::Found::call, {}};
    const std::uint64_t slot =
        wide ? call->target(return_address) : static_cast<std::uint32_t>(call->distance);
    return {Target::Found::call, at_hand.memory->pointer(slot, wide)};
  }
  return {};
}

// Where an unconditional jump at `address` goes; nothing where there is none.
std::optional<std::uint64_t> jump_at(const CodeAtHand& at_hand, std::uint64_t address) {
  if (at_hand.architecture == Architecture::arm64) {
    const auto word = at_hand.code->get<std::uint32_t>(address);
    if (!word || (*word & 0xfc000000) != 0x14000000) return {};
    return address + static_cast<std::uint64_t>(signed_field(*word, 26) * 4);
  }
  const bool wide = at_hand.architecture == Architecture::x64;
  const auto first = at_hand.code->get<std::uint8_t>(address);
  if (first == 0xe9) {
    const auto distance = at_hand.code->get<std::int32_t>(address + 1);
    if (!distance) return {};
    const std::uint64_t target = address + 5 + static_cast<std::uint64_t>(std::int64_t{*distance});
    return wide ? target : target & UINT32_MAX;
  }
  if (at_hand.code->get<std::uint16_t>(address) != 0x25ff) return {};
  const auto distance = at_hand.code->get<std::int32_t>(address + 2);
  if (!distance) return {};
  const std::uint64_t slot = wide
                                 ? address + 6 + static_cast<std::uint64_t>(std::int64_t{*distance})
                                 : static_cast<std::uint32_t>(*distance);
  return at_hand.memory->pointer(slot, wide);
}

// An entry's own begin, or that of the function which it is a part of.
std::optional<std::uint32_t> start_in(const pe::x64::FunctionTable& table, const pe::Image& image,
                                      std::uint32_t rva) {
  auto function = table.find(rva);
  pe::x64::UnwindScratch scratch;
  for (int i = 0; function && i < kMostParents; ++i) {
    const auto info = pe::x64::raw_unwind_info(image, *function, scratch);
    if (!info) return {};
    if (!info->chains()) return function->begin;
    function = info->chained();
  }
  return {};
}

// Where the function that holds an address begins; nothing where no record says.
std::optional<std::uint64_t> start_of(const CodeAtHand& at_hand, std::uint64_t address) {
  const unwind::Module* module = at_hand.modules->find(address);
  if (!module) return {};
  const auto rva = static_cast<std::uint32_t>(address - module->base);
  std::optional<std::uint32_t> start;
  if (const auto* table = std::get_if<pe::x64::FunctionTable>(&module->functions)) {
    start = start_in(*table, *module->image, rva);
  } else if (const auto* arm = std::get_if<pe::arm64::FunctionTable>(&module->functions)) {
    if (const auto function = arm->find(rva)) start = function->begin;
  } else {
    start = at_hand.modules->function_start_at(*module, rva);
  }
  return start ? std::optional(module->base + *start) : std::nullopt;
}

}  // namespace

CallEdge call_edge(const CodeAtHand& at_hand, std::uint64_t ip, bool is_call_site,
                   std::uint64_t return_address) {
  const Target target = target_of(at_hand, return_address);
  if (target.found == Target::Found::no_code) return CallEdge::no_code;
  if (target.found == Target::Found::no_call) return CallEdge::no_call;
  if (!target.address) return CallEdge::unknown;
  const std::uint64_t inside = ip - (is_call_site ? 1 : 0);
  const auto start = start_of(at_hand, inside);
  std::optional<std::uint64_t> at = target.address;
  std::uint64_t last_known = *at;
  for (int i = 0; at && i < kMostJumps; ++i, at = jump_at(at_hand, *at)) {
    last_known = *at;
    if (start == at) return CallEdge::matches;
    // Without records near enough is all that can be said.
    if (!start && inside >= *at && inside - *at < kMostFunction) return CallEdge::unknown;
  }
  // Nothing is known of code that no module holds, an import that was never bound, say.
  if (!at_hand.modules->find(*target.address)) return CallEdge::unknown;
  const bool may_go_on =
      may_jump(*at_hand.modules, *at_hand.code, at_hand.architecture, last_known, inside);
  if (!may_go_on) return CallEdge::differs;
  // Tail calls are common, through registers too: nt!IofCallDriver ends in one. On x86, where no
  // table says what a function may jump to, they are not, and it counts against the frame.
  return at_hand.architecture == Architecture::x86 ? CallEdge::elsewhere : CallEdge::unknown;
}

}  // namespace ntstack::stacks
