#include "report/groups.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "report/json_parts.h"
#include "report/wrap.h"

namespace ntstack::report {
namespace {

using analysis::FrameDifference;
using analysis::SimilarStacks;
using analysis::StackGroup;
using Json = nlohmann::ordered_json;

constexpr std::size_t kMostMembers = 3, kMostVariants = 8;

std::string counted(std::size_t count, std::string_view what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

std::string heading_of(const GroupFacts& facts, const SimilarStacks& similar) {
  const StackGroup& model = facts.groups[similar.model];
  std::string out = counted(similar.stacks, "thread");
  if (!similar.variants.empty())
    out += fmt::format(" in {} nearly identical stacks", similar.variants.size() + 1);
  if (model.processes > 1) out += fmt::format(" of {} processes", model.processes);
  if (model.dumps > 1) out += fmt::format(" in {} dumps", model.dumps);
  if (model.waits) out += fmt::format(", waiting for {}", model.waits->words);
  if (model.has_guesses) out += " (some frames are guesses)";
  return out;
}

std::string members_text(const GroupFacts& facts, const StackGroup& group) {
  std::string out;
  for (std::size_t i = 0; i < std::min(group.stacks.size(), kMostMembers); ++i) {
    const stacks::Stack& stack = facts.stacks.stacks[group.stacks[i]];
    const DumpFacts& dump = facts.stacks.of_dump(stack.dump);
    out += fmt::format("    {}{}\n", thread_line(stack, dump.machine.is_64_bit()),
                       facts.stacks.more.empty() ? "" : "  in " + dump.file_name);
  }
  if (group.stacks.size() > kMostMembers)
    out += fmt::format("    and {} more\n", group.stacks.size() - kMostMembers);
  return out;
}

std::string difference_text(const FrameDifference& difference) {
  std::string out;
  for (const std::string& frame : difference.model)
    out += fmt::format("        - {:3} {}\n", difference.at, base::printable(frame));
  for (const std::string& frame : difference.instead)
    out += fmt::format("        + {:3} {}\n", difference.at, base::printable(frame));
  return out;
}

std::string similar_text(const GroupFacts& facts, const SimilarStacks& similar,
                         const TextStyle& style) {
  const StackGroup& model = facts.groups[similar.model];
  const std::string heading = heading_of(facts, similar);
  std::string out =
      style.colour ? fmt::format("\n\x1b[1m{}\x1b[0m\n", heading) : fmt::format("\n{}\n", heading);
  out += members_text(facts, model);
  for (std::size_t i = 0; i < model.frames.size(); ++i)
    out += fmt::format("      {:3} {}\n", i, base::printable(model.frames[i]));
  for (std::size_t i = 0; i < std::min(similar.variants.size(), kMostVariants); ++i) {
    const StackGroup& group = facts.groups[similar.variants[i].group];
    out += fmt::format("    {} of them differ{}:\n", counted(group.stacks.size(), "thread"),
                       group.stacks.size() == 1 ? "s" : "");
    for (const FrameDifference& each : similar.variants[i].differences)
      out += difference_text(each);
  }
  if (similar.variants.size() > kMostVariants)
    out += fmt::format("    and {} other variants\n", similar.variants.size() - kMostVariants);
  return out;
}

Json member_json(const GroupFacts& facts, std::size_t index) {
  const stacks::Stack& stack = facts.stacks.stacks[index];
  Json json = thread_reference_json(stack);
  json["dump"] = stack.dump;
  return json;
}

Json group_json(const GroupFacts& facts, const StackGroup& group) {
  Json json;
  json["threads"] = Json::array();
  for (const std::size_t i : group.stacks) json["threads"].push_back(member_json(facts, i));
  json["processes"] = group.processes;
  json["dumps"] = group.dumps;
  json["frames"] = texts_json(group.frames);
  json["waits"] = waits_json(group.waits);
  json["guesses"] = group.has_guesses;
  return json;
}

Json similar_json(const GroupFacts& facts, const SimilarStacks& similar) {
  Json json = group_json(facts, facts.groups[similar.model]);
  json["count"] = similar.stacks;
  json["variants"] = Json::array();
  for (const SimilarStacks::Variant& variant : similar.variants) {
    Json one = group_json(facts, facts.groups[variant.group]);
    one["differences"] = Json::array();
    for (const FrameDifference& each : variant.differences)
      one["differences"].push_back(difference_json(each));
    json["variants"].push_back(std::move(one));
  }
  return json;
}

}  // namespace

Json difference_json(const FrameDifference& difference) {
  return {{"at", difference.at},
          {"model", texts_json(difference.model)},
          {"instead", texts_json(difference.instead)}};
}

GroupFacts group_facts(const StackFacts& stacks) {
  GroupFacts facts{stacks, analysis::stack_groups(stacks.stacks), {}};
  facts.similar = analysis::similar_stacks(facts.groups);
  return facts;
}

std::string groups_text(const GroupFacts& facts, const TextStyle& style, std::size_t most) {
  std::size_t threads = 0;
  for (const StackGroup& group : facts.groups) threads += group.stacks.size();
  std::string out = fmt::format(
      "{}{}: {} with {}, {} where nearly identical ones count once\n", facts.stacks.of.file_name,
      facts.stacks.more.empty() ? "" : fmt::format(" and {} more", facts.stacks.more.size()),
      counted(threads, "thread"), counted(facts.groups.size(), "different stack"),
      facts.similar.size());
  for (const std::string& warning : warnings_of(facts.stacks))
    out += wrapped(base::printable(warning) + ".", "note: ");
  for (std::size_t i = 0; i < std::min(most, facts.similar.size()); ++i)
    out += similar_text(facts, facts.similar[i], style);
  if (facts.similar.size() > most)
    out += fmt::format("\nand {} more: --top\n", facts.similar.size() - most);
  return out;
}

std::string groups_json(const GroupFacts& facts) {
  Json json = header_json(facts.stacks.of);
  json["more_dumps"] = Json::array();
  for (const DumpFacts& other : facts.stacks.more)
    json["more_dumps"].push_back(header_json(other)["dump"]);
  json["groups"] = Json::array();
  for (const SimilarStacks& each : facts.similar)
    json["groups"].push_back(similar_json(facts, each));
  json["missing"] = missing_json(facts.stacks.missing);
  json["warnings"] = warnings_of(facts.stacks);
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace ntstack::report
