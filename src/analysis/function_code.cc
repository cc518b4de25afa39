#include "analysis/function_code.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/text.h"
#include "unwind/x86_start.h"

namespace ntstack::analysis {
namespace {

using base::Architecture;
using code::Disassembled;
using code::Flow;

constexpr std::uint64_t kFarthestJump = 0x10000;  // bytes, where no record tells what belongs to it
constexpr std::size_t kMostTableEntries = 1024;

class Flowing {
 public:
  Flowing(const CodeView& view, FunctionStart start)
      : view_(view), architecture_(view.architecture_at(start.address)), start_(start) {
    procedure_ = procedure_at(view, start.address);
    if (procedure_ && procedure_->address != start.address) procedure_.reset();
    part_ = unwind_part_at(view, start.address);
    add_range(start.address);
    pending_.push_back(start.address);
    labels_.insert(start.address);
  }

  bool has_record() const { return procedure_ || part_; }

  std::vector<std::uint64_t> labels() {
    follow();
    fill_gaps();
    return {labels_.begin(), labels_.end()};
  }

  FunctionCode run() {
    FunctionCode function;
    function.start = start_;
    function.symbol = view_.name(start_.address);
    follow();
    fill_gaps();
    write(function);
    say(function);
    return function;
  }

 private:
  // What a record says of an address: does it belong to the function?
  bool belongs(std::uint64_t address) {
    if (address == start_.address) return true;
    const auto range = ranges_.upper_bound(address);
    if (range != ranges_.begin() && address < std::prev(range)->second) return true;
    if (procedure_ && address >= procedure_->address && address < procedure_->end) return true;
    const auto part = unwind_part_at(view_, address);
    if (part_ && part && part->primary == part_->primary) {
      add_range(address);
      return true;
    }
    if (has_record()) return false;
    if (part) return false;
    return belongs_by_code(address);
  }

  // No record tells: it is near, of the same symbol, and no padding lies between.
  bool belongs_by_code(std::uint64_t address) {
    if (address < start_.address || address - start_.address > kFarthestJump) return false;
    const symbols::Symbol& symbol = view_.symbolizer().name(address, false).function;
    if (!symbol.name.empty() && address - symbol.offset > start_.address) return false;
    if (architecture_ != Architecture::x86) return !procedure_at(view_, address);
    const auto padded = unwind::x86::padded_start(view_.code(), static_cast<std::uint32_t>(address),
                                                  static_cast<std::uint32_t>(start_.address));
    return !padded || *padded <= start_.address || reached_.contains(*padded);
  }

  void add_range(std::uint64_t address) {
    if (procedure_ && ranges_.empty()) ranges_[procedure_->address] = procedure_->end;
    if (const auto part = unwind_part_at(view_, address)) ranges_[part->begin] = part->end;
  }

  void branch(std::uint64_t target, bool is_conditional) {
    // A branch that may not be taken stays in its function.
    const bool is_near = target >= start_.address && target - start_.address <= kFarthestJump;
    if (!(is_conditional && !has_record() && is_near) && !belongs(target)) return;
    labels_.insert(target);
    pending_.push_back(target);
  }

  // jmp dword ptr [eax*4+table]: pointers to the function's own code, one after the other.
  void read_table(const Disassembled& jump) {
    if (!jump.target_memory || !jump.target_memory->index || jump.target_memory->base) return;
    const bool is_64_bit = base::is_64_bit(architecture_);
    const std::uint64_t step = is_64_bit ? 8 : 4;
    if (jump.target_memory->scale != step) return;
    std::uint64_t table = static_cast<std::uint64_t>(jump.target_memory->displacement);
    if (!is_64_bit) table &= 0xffffffff;
    for (std::size_t i = 0; i < kMostTableEntries && tables_.size() < kMostOfFunction; ++i) {
      const auto target = view_.code().pointer(table + i * step, is_64_bit);
      if (!target || !belongs(*target)) return;
      tables_[table + i * step] = table + (i + 1) * step;
      labels_.insert(*target);
      pending_.push_back(*target);
    }
  }

  void follow() {
    while (!pending_.empty()) {
      std::uint64_t at = pending_.back();
      pending_.pop_back();
      while (!reached_.contains(at)) {
        if (reached_.size() >= kMostOfFunction) {
          is_cut_ = true;
          return;
        }
        const auto instruction = view_.instruction_at(at);
        if (!instruction || instruction->length == 0) {
          missing_at_ = at;
          break;
        }
        if (!instruction->is_known) unknown_at_ = at;
        const auto& entry = reached_.emplace(at, *instruction).first->second;
        go_on(entry);
        at += entry.length;
        if (!entry.falls_through() || !goes_on_behind(entry, at)) break;
      }
    }
  }

  void go_on(const Disassembled& instruction) {
    if (instruction.flow == Flow::jump || instruction.flow == Flow::conditional) {
      if (instruction.target) branch(*instruction.target, instruction.flow == Flow::conditional);
      if (!instruction.target) {
        const std::size_t before = pending_.size();
        read_table(instruction);
        has_unknown_jump_ = has_unknown_jump_ || pending_.size() == before;
      }
    }
  }

  // Behind a call that does not come back lies padding, or another function.
  bool goes_on_behind(const Disassembled& instruction, std::uint64_t next) {
    if (has_record()) return belongs(next);
    const bool is_trap = instruction.mnemonic == "int" && instruction.operands == "3";
    if (is_trap) return false;
    if (instruction.flow != Flow::call) return true;
    return unwind_part_at(view_, next) == std::nullopt && !begins_padding(next);
  }

  bool begins_padding(std::uint64_t address) const {
    const auto first = view_.code().get<std::uint8_t>(address);
    return architecture_ != Architecture::arm64 && first == 0xcc;
  }

  // Parts of the function that no branch leads to: handlers, and what tables lead to.
  void fill_gaps() {
    if (is_cut_) return;
    // A part that only such code leads to is added on the way.
    for (const auto& [begin, end] : ranges_) {
      std::uint64_t at = begin;
      while (at < end) {
        const auto next = reached_.lower_bound(at);
        if (next != reached_.end() && next->first == at) {
          at += next->second.length;
          continue;
        }
        const std::uint64_t gap_end = next == reached_.end() ? end : std::min(end, next->first);
        fill(at, gap_end);
        if (is_cut_) return;
        at = gap_end;
      }
    }
  }

  void fill(std::uint64_t at, std::uint64_t end) {
    std::vector<Disassembled> found;
    bool only_padding = true;
    while (at < end) {
      const auto table = tables_.find(at);
      if (table != tables_.end()) {
        at = table->second;
        continue;
      }
      auto instruction = view_.instruction_at(at);
      if (!instruction || instruction->length == 0) {
        missing_at_ = at;
        break;
      }
      if (instruction->length > end - at) break;
      only_padding = only_padding && is_padding(*instruction);
      at += instruction->length;
      found.push_back(std::move(*instruction));
      if (reached_.size() + unreached_.size() + found.size() >= kMostOfFunction) {
        is_cut_ = true;
        break;
      }
    }
    if (only_padding) return;
    for (Disassembled& each : found) {
      if (each.target && each.flow != Flow::call && belongs(*each.target))
        labels_.insert(*each.target);
      unreached_.emplace(each.address, std::move(each));
    }
  }

  static bool is_padding(const Disassembled& instruction) {
    return instruction.mnemonic == "nop" ||
           (instruction.mnemonic == "int" && instruction.operands == "3");
  }

  void write(FunctionCode& function) {
    std::map<std::uint64_t, const Disassembled*> all;
    for (const auto& [address, instruction] : reached_) all.emplace(address, &instruction);
    for (const auto& [address, instruction] : unreached_) all.emplace(address, &instruction);
    RegisterValues values;
    for (const auto& [address, instruction] : all) {
      const bool is_unreached = !reached_.contains(address);
      const bool begins = function.blocks.empty() || function.blocks.back().end != address ||
                          labels_.contains(address) ||
                          function.blocks.back().lines.back().is_unreached != is_unreached;
      if (begins) {
        function.blocks.push_back({address, address, {}});
        values.forget();
      }
      CodeBlock& block = function.blocks.back();
      block.lines.push_back(line_of(view_, *instruction, &values));
      block.lines.back().is_unreached = is_unreached;
      block.end = address + instruction->length;
      values.apply(*instruction);
    }
    function.instructions = all.size();
    function.unreached = unreached_.size();
    function.is_cut = is_cut_;
  }

  std::string text(std::uint64_t address) const {
    return base::address_text(address, base::is_64_bit(architecture_));
  }

  void say(FunctionCode& function) const {
    if (function.start.is_guess())
      function.notes.push_back(fmt::format(
          "where the function begins is a guess ({})",
          function.start.from == StartFrom::padding       ? "code begins behind padding there"
          : function.start.from == StartFrom::export_name ? "the nearest export"
                                                          : "the address that was given"));
    if (!has_record())
      function.notes.push_back(
          "no record tells what belongs to the function: its end is told by its branches alone");
    if (missing_at_)
      function.notes.push_back(fmt::format(
          "code at {} is neither in the dump nor in an image at hand (-i)", text(*missing_at_)));
    if (unknown_at_)
      function.notes.push_back(
          fmt::format("the bytes at {} are no instruction that is known", text(*unknown_at_)));
    if (has_unknown_jump_)
      function.notes.push_back(
          "it jumps where a register leads: what is reached so alone may be missing, or listed as "
          "not "
          "reached");
    if (function.unreached > 0)
      function.notes.push_back(
          fmt::format("{} instructions are reached by no branch that is seen: handlers, what a "
                      "table leads to, or "
                      "data",
                      function.unreached));
    if (is_cut_)
      function.notes.push_back(fmt::format("cut after {} instructions", kMostOfFunction));
  }

  const CodeView& view_;
  Architecture architecture_;
  FunctionStart start_;
  std::optional<FunctionStart> procedure_;
  std::optional<UnwindPart> part_;
  std::map<std::uint64_t, std::uint64_t> ranges_;  // begin and end of known parts
  std::map<std::uint64_t, Disassembled> reached_, unreached_;
  std::vector<std::uint64_t> pending_;
  std::set<std::uint64_t> labels_;
  std::map<std::uint64_t, std::uint64_t> tables_;  // begin and end of their entries
  std::optional<std::uint64_t> missing_at_, unknown_at_;
  bool is_cut_ = false, has_unknown_jump_ = false;
};

// x86 without records: the address itself where code looks as if a function began there.
FunctionStart start_of(const CodeView& view, std::uint64_t address) {
  for (const FunctionStart& start : function_starts(view, address)) {
    if (!start.is_guess()) return start;
    if (start.address == address) return start;
    const bool is_x86 = view.architecture_at(address) == Architecture::x86;
    if (is_x86 &&
        unwind::x86::starts_with_frame_pointer(view.code(), static_cast<std::uint32_t>(address)))
      return {address, StartFrom::given, 0};
    if (start.from == StartFrom::padding || !is_x86) return start;
  }
  return {address, StartFrom::given, 0};
}

}  // namespace

FunctionCode function_code(const CodeView& view, std::uint64_t address) {
  return Flowing(view, start_of(view, address)).run();
}

std::vector<std::uint64_t> labels_of(const CodeView& view, std::uint64_t address) {
  return Flowing(view, start_of(view, address)).labels();
}

}  // namespace ntstack::analysis
