#include "report/disassembly.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace ntstack::report {
namespace {

using analysis::Called;
using analysis::CalledBy;
using analysis::Line;
using analysis::Reference;
using code::AddressText;

constexpr std::size_t kBytesShown = 8, kMnemonicWidth = 7;

std::string named(const std::string& symbol, std::uint64_t address, bool is_64_bit) {
  const std::string at = base::address_text(address, is_64_bit);
  return symbol.empty() ? at : fmt::format("{} ({})", base::printable(symbol), at);
}

// What a pointer in memory leads to, behind an instruction that reads it.
std::string leads_to(const Reference& reference, bool is_64_bit) {
  if (reference.value) return " -> " + named(reference.value_symbol, *reference.value, is_64_bit);
  if (reference.import_name.empty()) return {};
  return fmt::format(" -> {} (by the import table)", base::printable(reference.import_name));
}

std::string bytes_text(const Line& line, bool is_arm64) {
  std::string out;
  if (is_arm64 && line.bytes.size() == 4) {  // as the word that it is
    for (auto byte = line.bytes.rbegin(); byte != line.bytes.rend(); ++byte)
      out += fmt::format("{:02x}", std::to_integer<unsigned>(*byte));
    return out;
  }
  for (const std::byte byte : line.bytes)
    out += fmt::format("{:02x}", std::to_integer<unsigned>(byte));
  return out;
}

std::string notes_text(const std::vector<std::string>& notes) {
  std::string out;
  for (const std::string& note : notes) out += fmt::format("note: {}\n", note);
  return out;
}

std::string label(const Line& line) {
  return line.symbol.empty() ? std::string() : base::printable(line.symbol) + ":\n";
}

}  // namespace

std::string operands_text(const Line& line, bool is_64_bit) {
  const std::string& plain = line.instruction.operands;
  std::string out;
  std::size_t done = 0;
  for (const Reference& reference : line.references) {
    const AddressText& where = reference.where;
    if (where.size == 0 || where.begin < done || where.begin + where.size > plain.size()) continue;
    if (reference.symbol.empty()) continue;
    out += plain.substr(done, where.begin - done);
    // An immediate that may be an address, as MASM has it.
    const bool is_immediate =
        where.kind == AddressText::computed && plain.substr(where.begin, where.size).ends_with('h');
    const bool is_inside = plain.substr(0, where.begin).rfind('[') != std::string::npos;
    if (is_immediate && !is_inside) out += "offset ";
    out += named(reference.symbol, where.address, is_64_bit);
    done = where.begin + where.size;
  }
  return out + plain.substr(done);
}

std::string line_text(const Line& line, bool is_64_bit) {
  const bool is_arm64 = line.architecture == base::Architecture::arm64;
  std::string out =
      fmt::format("{} {:<{}} {:<{}} {}", base::address_text(line.instruction.address, is_64_bit),
                  bytes_text(line, is_arm64), kBytesShown * 2, line.instruction.mnemonic,
                  kMnemonicWidth, operands_text(line, is_64_bit));
  for (const Reference& reference : line.references) {
    if (reference.where.size == 0) {
      const std::string what = named(reference.symbol, reference.where.address, is_64_bit);
      out += reference.where.kind == AddressText::memory ? " ; [" + what + "]" : " ; " + what;
    }
    if (reference.where.kind == AddressText::memory) out += leads_to(reference, is_64_bit);
  }
  if (line.is_unreached) out += " ; not reached";
  while (out.ends_with(' ')) out.pop_back();
  return out + "\n";
}

std::string listing_text(const analysis::Listing& listing, bool is_64_bit) {
  std::string out;
  const std::string* function = nullptr;
  for (const Line& line : listing.lines) {
    if (!function || *function != line.function) out += label(line);
    function = &line.function;
    out += line_text(line, is_64_bit);
  }
  out += notes_text(listing.notes);
  if (!listing.why_ended.empty()) out += fmt::format("note: {}\n", listing.why_ended);
  return out;
}

std::string function_text(const analysis::FunctionCode& function, bool is_64_bit) {
  std::string out;
  for (const analysis::CodeBlock& block : function.blocks) {
    if (!out.empty()) out += "\n";
    out += label(block.lines.front());
    for (const Line& line : block.lines) out += line_text(line, is_64_bit);
  }
  if (!function.notes.empty()) out += "\n" + notes_text(function.notes);
  return out;
}

std::string called_text(const Called& called, bool is_64_bit) {
  const auto address = [&](std::uint64_t at) { return base::address_text(at, is_64_bit); };
  std::string out = fmt::format("return address {}\n",
                                named(called.return_symbol, called.return_address, is_64_bit));
  if (called.call) out += label(*called.call) + line_text(*called.call, is_64_bit);
  for (const analysis::Passed& passed : called.passed)
    out += fmt::format("by way of {}{}\n", named(passed.symbol, passed.address, is_64_bit),
                       passed.slot ? ", which jumps through " + address(*passed.slot) : "");
  if (called.slot)
    out += fmt::format("read from {}\n", named(called.slot_symbol, *called.slot, is_64_bit));
  if (called.target) {
    out += fmt::format("called {}", named(called.symbol, *called.target, is_64_bit));
  } else if (!called.symbol.empty()) {
    out += fmt::format("called {}", base::printable(called.symbol));
  }
  if (called.target || !called.symbol.empty()) {
    if (called.by == CalledBy::import_table) out += ", by the import table";
    if (called.by == CalledBy::frame) out += ", by the registers of the calling frame";
    if (!called.import_name.empty() && called.by != CalledBy::import_table &&
        called.import_name != called.symbol)
      out +=
          fmt::format("; by the import table it would be {}", base::printable(called.import_name));
    out += "\n";
  }
  if (!called.why_unknown.empty())
    out += fmt::format("what was called is not known: {}\n", called.why_unknown);
  return out + notes_text(called.notes);
}

std::string called_line(const Called& called, bool is_64_bit) {
  if (!called.call) return {};
  if (!called.target && called.symbol.empty())
    return fmt::format("; what it called is not known: {}\n", called.why_unknown);
  std::string out = "; called ";
  out += called.target ? named(called.symbol, *called.target, is_64_bit)
                       : base::printable(called.symbol);
  if (called.slot) out += ", read from " + named(called.slot_symbol, *called.slot, is_64_bit);
  for (const analysis::Passed& passed : called.passed)
    out += ", by way of " + named(passed.symbol, passed.address, is_64_bit);
  if (called.by == CalledBy::import_table) out += ", by the import table";
  if (called.by == CalledBy::frame) out += ", by the registers of the calling frame";
  if (called.is_guess) out += " (where the call begins is a guess)";
  return out + "\n";
}

std::string disassembly_text(const DisassemblyFacts& facts) {
  std::string out;
  if (facts.listing) out += listing_text(*facts.listing, facts.is_64_bit);
  if (facts.function) out += function_text(*facts.function, facts.is_64_bit);
  if (facts.called) out += called_text(*facts.called, facts.is_64_bit);
  return out;
}

}  // namespace ntstack::report
