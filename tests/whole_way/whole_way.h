// The whole way of a dump's bytes: opened, the machine read, every stack walked and printed both
// ways.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "analysis/wait_graph.h"
#include "app/session.h"
#include "base/bytes.h"
#include "dump/dump.h"
#include "report/json.h"
#include "report/text.h"
#include "report/waits.h"
#include "stacks/join.h"
#include "stacks/walker.h"

namespace ntstack::tests {

// Of one dump in eight: waits take longer than all the rest.
inline std::string waits_complaint(app::Session& session, const std::vector<stacks::Stack>& stacks,
                                   const report::StackFacts& facts) {
  std::size_t frames = 0;
  for (const auto& stack : stacks) frames += stack.frames.size();
  if (frames % 8 != 0) return "";
  analysis::WaitReader reader(analysis::KernelView(session.machine(), session.symbolizer()), {});
  const analysis::WaitSource source{&reader, 0};
  const auto graph = analysis::wait_graph_of(stacks, std::span(&source, 1));
  if (report::waits_text(facts, graph, {}, true).empty()) return "no text of waits";
  if (!nlohmann::json::accept(report::waits_json(facts, graph))) return "the JSON is malformed";
  return "";
}

// Empty where the dump gives stacks; else what is wrong.
inline std::string whole_way_complaint(dump::Dump dump, const std::string& symbol_path) {
  app::DumpOptions options;
  options.dump = "damaged.dmp";
  options.symbol_path = symbol_path;
  auto session = app::Session::over(std::move(dump), options);
  stacks::Walker walker(session.machine(), session.symbolizer());
  const auto stacks = walker.walk_all();
  for (const auto& stack : stacks) {
    if (stack.frames.empty() && stack.end_reason.empty()) return "no frames, and no reason";
    if (stack.frames.size() > 8192) return "a stack without an end";
  }
  const stacks::Origin origin = stacks::origin_of(session.machine());
  const auto twice = stacks::join({{stacks, "a.dmp", origin}, {stacks, "b.dmp", origin}}).stacks;
  if (twice.size() < stacks.size() / 2 || twice.size() > 2 * stacks.size())
    return "stacks are lost";
  const report::StackFacts facts{session.facts(), {}, stacks, {}};
  if (std::string wrong = waits_complaint(session, stacks, facts); !wrong.empty()) return wrong;
  if (report::stacks_text(facts, {}).empty()) return "no text";
  for (const std::string& json : {report::stacks_json(facts), report::info_json(facts.of)}) {
    if (!nlohmann::json::accept(json)) return "the JSON is malformed";
  }
  return "";
}

// The same of a dump's bytes; a clear error will do as well.
inline std::string whole_way_complaint(base::Bytes file, const std::string& symbol_path) {
  auto dump = dump::parse(file);
  if (!dump) return dump.error().text().empty() ? "an error without a text" : "";
  return whole_way_complaint(std::move(*dump), symbol_path);
}

}  // namespace ntstack::tests
