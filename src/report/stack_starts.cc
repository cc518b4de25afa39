#include "report/stack_starts.h"

#include <fmt/format.h>

#include "base/text.h"
#include "report/aligned.h"
#include "report/json_parts.h"

namespace ntstack::report {
namespace {

using Json = nlohmann::ordered_json;
using base::hex_text;
using stacks::Lead;
using stacks::StartCandidate;

std::string_view origin_text(stacks::StartOrigin origin) {
  using enum stacks::StartOrigin;
  switch (origin) {
    case context:
      return "the processor's registers";
    case task:
      return "TSS of the interrupted task";
    case ist:
      return "frame on an IST stack";
    case switch_frame:
      return "switch frame";
    case trap_frame:
      return "trap frame";
    case frame_pointers:
      return "chain of frame pointers";
    case return_address:
      return "return address";
  }
  return "";
}

std::string_view name_of(Lead::Outcome outcome) {
  switch (outcome) {
    case Lead::Outcome::whole:
      return "whole";
    case Lead::Outcome::blocked:
      return "blocked";
    case Lead::Outcome::astray:
      return "astray";
  }
  return "unknown";
}

std::string outcome_text(const Lead& lead) {
  if (lead.outcome == Lead::Outcome::blocked)
    return "to a frame whose image or memory is not at hand";
  if (lead.outcome == Lead::Outcome::astray) return "to what is no frame";
  return lead.end == stacks::End::user_mode ? "to user mode" : "to the stack's base";
}

}  // namespace

std::string stack_starts_text(const StackStartsFacts& facts) {
  const bool is_64_bit = facts.of.machine.is_64_bit();
  std::string out = heading_text(facts.of);
  for (const std::string& warning : warnings_of(facts.of))
    out += fmt::format("note: {}\n", warning);
  out += fmt::format("\nTHREAD {}\n", base::address_text(facts.thread->address, is_64_bit));
  if (facts.starts.empty()) return out + "Nothing on its stack leads anywhere.\n";
  out += "Where its stack may begin, the best first:\n";
  std::vector<Row> rows = {
      {"", "#", "at", "frames", "calls proven", "begins by", "leads", "youngest"}};
  for (std::size_t i = 0; i < facts.starts.size(); ++i) {
    const auto& [start, names] = facts.starts[i];
    rows.push_back({"", fmt::format("{}", i), base::address_text(start.at, is_64_bit),
                    fmt::format("{}", start.frames()), fmt::format("{}", start.lead.matching),
                    std::string(origin_text(start.origin)),
                    outcome_text(start.lead) +
                        (start.lead.is_disproved ? "; a call on it went elsewhere" : ""),
                    base::printable(fmt::format("{}", fmt::join(names, " < ")))});
  }
  return out + aligned(rows, {false, true, false, true, true, false, false, false});
}

std::string stack_starts_json(const StackStartsFacts& facts) {
  Json json = header_json(facts.of);
  json["thread"] = owner_json(facts.of.machine, facts.thread).at("thread");
  json["starts"] = Json::array();
  for (const auto& [start, names] : facts.starts) {
    Json each = {{"origin", stacks::name_of(start.origin)},
                 {"at", hex_text(start.at)},
                 {"ip", hex_text(stacks::ip_of(start.registers))},
                 {"sp", hex_text(stacks::sp_of(start.registers))},
                 {"frames", start.frames()},
                 {"calls_proven", start.lead.matching},
                 {"disproved", start.lead.is_disproved},
                 {"outcome", name_of(start.lead.outcome)},
                 {"youngest", Json::array()}};
    for (const std::string& name : names) each["youngest"].push_back(base::printable(name));
    json["starts"].push_back(std::move(each));
  }
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace ntstack::report
