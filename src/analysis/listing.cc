#include "analysis/listing.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>

#include "base/text.h"
#include "code/instruction.h"

namespace ntstack::analysis {
namespace {

using base::Architecture;
using code::AddressText;
using code::Disassembled;

constexpr std::uint64_t kFarthestStart = 1 << 20;  // bytes that are decoded to come to an address
constexpr std::size_t kAgreementBytes = 96;

void add_memory(const CodeView& view, bool reads_pointer, Reference& reference) {
  reference.symbol = view.memory_name(reference.where.address);
  reference.import_name = view.import_at(reference.where.address);
  if (!reads_pointer && reference.import_name.empty()) return;
  reference.value = view.pointer_in_dump(reference.where.address);
  if (reference.value) reference.value_symbol = view.name(*reference.value);
}

// A pointer is read: a call or jump through it, or a load of a whole register.
bool reads_pointer(const Disassembled& instruction) {
  return instruction.target_memory ||
         (instruction.leaves && (instruction.leaves->kind == code::Leaves::loaded ||
                                 instruction.leaves->kind == code::Leaves::loaded_at));
}

void add_computed(const CodeView& view, const RegisterValues& values, Line& line) {
  const auto& leaves = line.instruction.leaves;
  const auto address = leaves ? values.address_of(*leaves) : std::nullopt;
  if (!address) return;
  const bool is_memory = leaves->kind == code::Leaves::loaded_at;
  Reference reference{
      {is_memory ? AddressText::memory : AddressText::computed, *address, 0, 0}, {}, {}, {}, {}};
  if (is_memory) {
    add_memory(view, true, reference);
  } else {
    reference.symbol = view.name(*address);
  }
  if (!reference.symbol.empty()) line.references.push_back(std::move(reference));
}

std::string without_offset(const CodeView& view, std::uint64_t address) {
  const symbols::Symbol& symbol = view.symbolizer().name(address, false).function;
  if (symbol.module.empty()) return {};
  return symbol.name.empty() ? symbol.module : symbol.module + "!" + symbol.name;
}

std::string not_at_hand(const CodeView& view, std::uint64_t address) {
  const auto module = view.symbolizer().module_at(address);
  return fmt::format("the code at {} is not in the dump{}",
                     base::address_text(address, view.is_64_bit_at(address)),
                     module
                         ? fmt::format(", and {} is not at hand: -i takes a path of images",
                                       base::printable(view.symbolizer().modules()[*module].name))
                         : ", and in no module");
}

// Instructions backwards from an address.
class Backwards {
 public:
  Backwards(const CodeView& view, std::uint64_t address, std::size_t count)
      : view_(view), at_(address), wanted_(std::min(count, kMostLines)) {}

  // Their addresses, the lowest first.
  std::deque<std::uint64_t> run(Listing& listing) {
    const bool is_arm64 = view_.architecture_at(at_ - 1) == Architecture::arm64;
    while (found_.size() < wanted_ && at_ > 0) {
      const bool went = is_arm64 ? step_of_four() : by_starts(listing) || by_agreement(listing);
      if (!went) {
        listing.why_ended = not_at_hand(view_, at_ - 1);
        break;
      }
      at_ = found_.front();
    }
    return std::move(found_);
  }

 private:
  bool step_of_four() {
    if (at_ % 4 != 0 || at_ < 4 || !view_.code().get<std::uint32_t>(at_ - 4)) return false;
    found_.push_front(at_ - 4);
    return true;
  }

  std::optional<std::uint8_t> length_at(std::uint64_t address) const {
    std::array<std::byte, code::kLongestInstruction> bytes;
    base::Bytes code = view_.code().view(address, bytes.size());
    if (code.size() < bytes.size()) code = {bytes.data(), view_.code().read(address, bytes)};
    const auto mode =
        view_.architecture_at(at_ - 1) == Architecture::x86 ? code::Mode::x86 : code::Mode::x64;
    const auto decoded = code::decode(code, mode);
    return decoded ? std::optional(decoded->length) : std::nullopt;
  }

  void take(std::deque<std::uint64_t> instructions) {
    while (!instructions.empty() && found_.size() < wanted_) {
      found_.push_front(instructions.back());
      instructions.pop_back();
    }
  }

  // Where decoding from `start` comes exactly to the address: its last instructions.
  std::deque<std::uint64_t> decoded_from(std::uint64_t start) const {
    std::deque<std::uint64_t> last;
    for (std::uint64_t at = start; at < at_;) {
      const auto length = length_at(at);
      if (!length || *length > at_ - at) return {};
      last.push_back(at);
      if (last.size() > wanted_ - found_.size()) last.pop_front();
      at += *length;
    }
    return last;
  }

  bool by_starts(Listing& listing) {
    std::vector<FunctionStart> starts = function_starts(view_, at_ - 1);
    if (const auto part = unwind_part_at(view_, at_ - 1))
      starts.insert(starts.begin(), {part->begin, StartFrom::unwind_data, part->end});
    for (const FunctionStart& start : starts) {
      if (start.address >= at_ || at_ - start.address > kFarthestStart) continue;
      std::deque<std::uint64_t> last = decoded_from(start.address);
      if (last.empty()) continue;
      if (found_.empty()) listing.counted_from = start.from;
      listing.is_guess = listing.is_guess || start.is_guess();
      take(std::move(last));
      return true;
    }
    return false;
  }

  // The instruction before that most ways of decoding go through.
  bool by_agreement(Listing& listing) {
    const std::uint64_t lowest = at_ > kAgreementBytes ? at_ - kAgreementBytes : 0;
    const auto size = static_cast<std::size_t>(at_ - lowest);
    // Ways of decoding that pass through each byte, and where each goes on.
    std::vector<std::uint32_t> ways(size, 1);
    std::vector<bool> arrives(size, false);
    std::vector<std::size_t> next(size, SIZE_MAX);
    for (std::size_t i = 0; i < size; ++i)
      if (const auto length = length_at(lowest + i)) next[i] = i + *length;
    for (std::size_t i = size; i-- > 0;)
      arrives[i] = next[i] == size || (next[i] < size && arrives[next[i]]);
    for (std::size_t i = 0; i < size; ++i)
      if (next[i] < size) ways[next[i]] += ways[i];
    std::size_t best = SIZE_MAX;
    for (std::size_t i = 0; i < size; ++i)
      if (next[i] == size && (best == SIZE_MAX || ways[i] > ways[best])) best = i;
    if (best == SIZE_MAX) return false;
    if (found_.empty()) listing.counted_from = StartFrom::none;
    listing.is_guess = true;
    take({lowest + best});
    return true;
  }

  const CodeView& view_;
  std::uint64_t at_;
  std::size_t wanted_;
  std::deque<std::uint64_t> found_;
};

}  // namespace

Line line_of(const CodeView& view, const Disassembled& instruction, const RegisterValues* values) {
  Line line;
  line.instruction = instruction;
  line.architecture = view.architecture_at(instruction.address);
  line.bytes = view.bytes_of(instruction);
  line.symbol = view.name(instruction.address);
  line.function = without_offset(view, instruction.address);
  line.is_in_dump = view.is_in_dump(instruction.address, instruction.length);
  for (const AddressText& each : instruction.addresses) {
    Reference reference{each, {}, {}, {}, {}};
    if (each.kind == AddressText::memory) {
      add_memory(view, reads_pointer(instruction), reference);
    } else {
      reference.symbol = each.kind == AddressText::target ? view.name(each.address)
                                                          : view.memory_name(each.address);
    }
    line.references.push_back(std::move(reference));
  }
  if (values) add_computed(view, *values, line);
  return line;
}

Listing list_from(const CodeView& view, std::uint64_t address, std::size_t count,
                  std::uint64_t end) {
  Listing listing;
  RegisterValues values;
  count = std::min(count, kMostLines);
  for (std::uint64_t at = address; listing.lines.size() < count && at < end;) {
    const auto instruction = view.instruction_at(at);
    if (!instruction || instruction->length == 0) {
      listing.why_ended = not_at_hand(view, at);
      break;
    }
    listing.lines.push_back(line_of(view, *instruction, &values));
    values.apply(*instruction);
    if (at > UINT64_MAX - instruction->length) break;
    at += instruction->length;
  }
  return listing;
}

Listing list_before(const CodeView& view, std::uint64_t address, std::size_t count) {
  Listing listing;
  if (address == 0) return listing;
  const std::deque<std::uint64_t> found = Backwards(view, address, count).run(listing);
  RegisterValues values;
  for (std::size_t i = 0; i < found.size(); ++i) {
    const std::uint64_t end = i + 1 < found.size() ? found[i + 1] : address;
    auto instruction = view.instruction_at(found[i]);
    if (!instruction) break;
    instruction->length = static_cast<std::uint8_t>(end - found[i]);
    listing.lines.push_back(line_of(view, *instruction, &values));
    values.apply(*instruction);
  }
  if (listing.is_guess && !listing.lines.empty())
    listing.notes.push_back(
        "where instructions begin before this address is a guess: no record of its function is at "
        "hand");
  return listing;
}

}  // namespace ntstack::analysis
