// disassembly.h's JSON.
#include <fmt/format.h>

#include "base/text.h"
#include "report/disassembly.h"
#include "report/json_parts.h"

namespace ntstack::report {
namespace {

using Json = nlohmann::ordered_json;
using analysis::Called;
using analysis::Line;
using analysis::Reference;
using base::hex_text;
using code::AddressText;

Json address_or_null(const std::optional<std::uint64_t>& address) {
  return address ? Json(hex_text(*address)) : Json(nullptr);
}

std::string_view name_of(AddressText::Kind kind) {
  switch (kind) {
    case AddressText::target:
      return "target";
    case AddressText::memory:
      return "memory";
    case AddressText::computed:
      break;
  }
  return "computed";
}

Json reference_json(const Reference& reference) {
  return {{"kind", name_of(reference.where.kind)},
          {"address", hex_text(reference.where.address)},
          {"symbol", text_or_null(reference.symbol)},
          {"value", address_or_null(reference.value)},
          {"value_symbol", text_or_null(reference.value_symbol)},
          {"import", text_or_null(reference.import_name)}};
}

Json line_json(const Line& line, bool is_64_bit) {
  std::string bytes;
  for (const std::byte byte : line.bytes)
    bytes += fmt::format("{:02x}", std::to_integer<unsigned>(byte));
  Json references = Json::array();
  for (const Reference& each : line.references) references.push_back(reference_json(each));
  return {{"address", hex_text(line.instruction.address)},
          {"symbol", text_or_null(line.symbol)},
          {"bytes", bytes},
          {"known", line.instruction.is_known},
          {"mnemonic", line.instruction.mnemonic},
          {"operands", operands_text(line, is_64_bit)},
          {"flow", code::name_of(line.instruction.flow)},
          {"references", std::move(references)},
          {"in_dump", line.is_in_dump},
          {"reached", !line.is_unreached}};
}

Json lines_json(const std::vector<Line>& lines, bool is_64_bit) {
  Json all = Json::array();
  for (const Line& line : lines) all.push_back(line_json(line, is_64_bit));
  return all;
}

Json listing_json(const analysis::Listing& listing, bool is_64_bit) {
  return {{"instructions", lines_json(listing.lines, is_64_bit)},
          {"counted_from", analysis::name_of(listing.counted_from)},
          {"guess", listing.is_guess},
          {"why_ended", text_or_null(listing.why_ended)},
          {"notes", texts_json(listing.notes)}};
}

Json function_json(const analysis::FunctionCode& function, bool is_64_bit) {
  Json blocks = Json::array();
  for (const analysis::CodeBlock& block : function.blocks)
    blocks.push_back({{"begin", hex_text(block.begin)},
                      {"end", hex_text(block.end)},
                      {"instructions", lines_json(block.lines, is_64_bit)}});
  return {{"start", hex_text(function.start.address)},
          {"start_found_by", analysis::name_of(function.start.from)},
          {"symbol", text_or_null(function.symbol)},
          {"blocks", std::move(blocks)},
          {"instructions", function.instructions},
          {"unreached", function.unreached},
          {"cut", function.is_cut},
          {"notes", texts_json(function.notes)}};
}

Json called_json(const Called& called, bool is_64_bit) {
  Json passed = Json::array();
  for (const analysis::Passed& each : called.passed)
    passed.push_back({{"address", hex_text(each.address)},
                      {"symbol", text_or_null(each.symbol)},
                      {"slot", address_or_null(each.slot)}});
  return {{"return_address", hex_text(called.return_address)},
          {"return_symbol", text_or_null(called.return_symbol)},
          {"call", called.call ? line_json(*called.call, is_64_bit) : Json(nullptr)},
          {"guess", called.is_guess},
          {"found_by", analysis::name_of(called.by)},
          {"slot", address_or_null(called.slot)},
          {"slot_symbol", text_or_null(called.slot_symbol)},
          {"import", text_or_null(called.import_name)},
          {"passed", std::move(passed)},
          {"target", address_or_null(called.target)},
          {"symbol", text_or_null(called.symbol)},
          {"why_unknown", text_or_null(called.why_unknown)},
          {"notes", texts_json(called.notes)}};
}

}  // namespace

std::string disassembly_json(const DisassemblyFacts& facts) {
  Json json = header_json(facts.of);
  Json& disassembly = json["disassembly"];
  disassembly["address"] = hex_text(facts.address);
  disassembly["listing"] =
      facts.listing ? listing_json(*facts.listing, facts.is_64_bit) : Json(nullptr);
  disassembly["function"] =
      facts.function ? function_json(*facts.function, facts.is_64_bit) : Json(nullptr);
  disassembly["called"] =
      facts.called ? called_json(*facts.called, facts.is_64_bit) : Json(nullptr);
  json["missing"] = missing_json(facts.missing);
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace ntstack::report
