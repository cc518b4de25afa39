#include "report/movements.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "report/times.h"

namespace ntstack::report {
namespace {

using analysis::Movement;
using analysis::ThreadMovement;
using Json = nlohmann::ordered_json;

constexpr std::size_t kMostFrames =
    12;  // of a stack that moved; the older ones are the same mostly
constexpr int kSchemaVersion = 1;

std::string site_of(const stacks::Frame& frame) {
  const std::string name = frame.symbol.text();
  return base::printable(name.empty() ? base::hex_text(frame.ip) : name);
}

std::vector<std::string> sites_of(const stacks::Stack& stack) {
  std::vector<std::string> sites;
  for (const stacks::Frame& frame : stack.frames) sites.push_back(site_of(frame));
  return sites;
}

std::string thread_title(const ThreadMovement& thread) {
  const stacks::Stack& stack = thread.first();
  std::string out = fmt::format("{:04x}.{:04x}", stack.thread->process_id.value_or(0),
                                stack.thread->id.value_or(0));
  const std::string& name = stack.thread->name.empty() ? stack.thread_name : stack.thread->name;
  if (!name.empty()) out += fmt::format(" \"{}\"", base::printable(name));
  if (!stack.listed_state.empty()) out += "  " + stack.listed_state;
  if (thread.switches)
    out += *thread.switches == 0
               ? "  (did not run at all)"
               : fmt::format("  (was given a processor {} times)", *thread.switches);
  return out;
}

std::string heading(Movement movement, std::size_t looks) {
  switch (movement) {
    case Movement::still:
      return looks == 2 ? "where they were" : fmt::format("where they were, all {} times", looks);
    case Movement::moved:
      return "moved";
    case Movement::appeared:
      return "new";
    case Movement::ended:
      return "gone";
    case Movement::not_known:
      break;
  }
  return "not known: no two stacks of them were captured";
}

// Threads that stand at the same call sites, once with that stack: the largest groups first.
std::string grouped_text(const std::vector<const ThreadMovement*>& threads) {
  std::map<std::vector<std::string>, std::vector<const ThreadMovement*>> by_sites;
  for (const ThreadMovement* thread : threads)
    by_sites[sites_of(thread->first())].push_back(thread);
  std::vector<decltype(by_sites)::const_pointer> groups;
  for (const auto& group : by_sites) groups.push_back(&group);
  std::ranges::stable_sort(groups, std::greater<>(),
                           [](const auto* group) { return group->second.size(); });
  std::string out;
  for (const auto* group : groups) {
    out += group->second.size() == 1
               ? std::string("\n")
               : fmt::format("\n{} threads like this:\n", group->second.size());
    for (const ThreadMovement* thread : group->second)
      out += fmt::format("  THREAD {}\n", thread_title(*thread));
    for (const std::string& site : group->first) out += fmt::format("      {}\n", site);
  }
  return out;
}

// Where a thread was each time, as far as it differs.
std::string moved_text(const ThreadMovement& thread) {
  std::string out = fmt::format("\n  THREAD {}\n", thread_title(thread));
  const stacks::Stack* before = nullptr;
  for (std::size_t i = 0; i < thread.stacks.size(); ++i) {
    const stacks::Stack* stack = thread.stacks[i];
    if (!stack || stack->frames.empty() || (before && analysis::is_same_place(*before, *stack)))
      continue;
    out += fmt::format("    {}:\n", i + 1);
    const std::vector<std::string> sites = sites_of(*stack);
    for (std::size_t k = 0; k < sites.size() && k < kMostFrames; ++k)
      out += fmt::format("      {}\n", sites[k]);
    if (sites.size() > kMostFrames)
      out += fmt::format("      and {} more\n", sites.size() - kMostFrames);
    before = stack;
  }
  return out;
}

constexpr Movement kOrder[] = {Movement::still, Movement::moved, Movement::appeared,
                               Movement::ended, Movement::not_known};

Json thread_json(const ThreadMovement& thread) {
  const stacks::Stack& first = thread.first();
  const std::string& name = first.thread->name.empty() ? first.thread_name : first.thread->name;
  Json json;
  json["id"] = first.thread->id.value_or(0);
  json["process_id"] = first.thread->process_id.value_or(0);
  json["address"] =
      first.thread->address != 0 ? Json(base::hex_text(first.thread->address)) : Json(nullptr);
  json["name"] = name.empty() ? Json(nullptr) : Json(base::printable(name));
  json["movement"] = analysis::name_of(thread.movement);
  json["changes"] = thread.changes;
  json["switches"] = thread.switches ? Json(*thread.switches) : Json(nullptr);
  json["stacks"] = Json::array();
  for (const stacks::Stack* stack : thread.stacks)
    json["stacks"].push_back(stack ? Json(sites_of(*stack)) : Json(nullptr));
  return json;
}

}  // namespace

std::string movements_text(const std::vector<Look>& looks,
                           const std::vector<ThreadMovement>& threads, const TextStyle& style) {
  std::string out;
  for (std::size_t i = 0; i < looks.size(); ++i) {
    out += fmt::format("{}  {}  {}, {} threads\n", i + 1, looks[i].name,
                       looks[i].time == 0 ? "time not known" : time_text(looks[i].time),
                       looks[i].threads);
  }
  std::map<Movement, std::vector<const ThreadMovement*>> by_movement;
  for (const ThreadMovement& thread : threads) by_movement[thread.movement].push_back(&thread);
  for (const Movement movement : kOrder) {
    const auto found = by_movement.find(movement);
    if (found == by_movement.end()) continue;
    const std::string title =
        fmt::format("{} threads {}", found->second.size(), heading(movement, looks.size()));
    out += style.colour ? fmt::format("\n\x1b[1m{}\x1b[0m\n", title) : fmt::format("\n{}\n", title);
    if (movement != Movement::moved) {
      out += grouped_text(found->second);
      continue;
    }
    for (const ThreadMovement* thread : found->second) out += moved_text(*thread);
  }
  return out;
}

std::string movements_json(const std::vector<Look>& looks,
                           const std::vector<ThreadMovement>& threads) {
  Json json;
  json["schema_version"] = kSchemaVersion;
  json["captures"] = Json::array();
  for (const Look& look : looks)
    json["captures"].push_back(
        {{"name", look.name},
         {"time", look.time != 0 ? Json(base::hex_text(look.time)) : Json(nullptr)},
         {"threads", look.threads}});
  json["threads"] = Json::array();
  for (const ThreadMovement& thread : threads) json["threads"].push_back(thread_json(thread));
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace ntstack::report
