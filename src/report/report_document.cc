#include "report/report_document.h"

#include <map>
#include <tuple>

#include "analysis/analyze.h"
#include "analysis/signature.h"
#include "base/text.h"
#include "report/analyze_parts.h"
#include "report/groups.h"
#include "report/json_parts.h"
#include "report/waits.h"

namespace ntstack::report {
namespace {

using Json = nlohmann::ordered_json;

// Call sites, each once.
class Sites {
 public:
  std::size_t of(const stacks::Frame& frame) {
    const std::string name = base::printable(frame.symbol.text());
    std::string source;
    if (frame.symbol.source)
      source = base::printable(frame.symbol.source->file) + " @ " +
               std::to_string(frame.symbol.source->line);
    const auto key = std::tuple(name.empty() ? frame.ip : 0, name, source, frame.is_inline);
    const auto [at, is_new] = known_.try_emplace(key, known_.size());
    if (!is_new) return at->second;
    std::string function = analysis::normalised(frame);
    list_.push_back({{"name", name.empty() ? base::hex_text(frame.ip) : name},
                     {"function", text_or_null(function)},
                     {"source", text_or_null(source)},
                     {"inline", frame.is_inline},
                     {"user", frame.is_user}});
    return at->second;
  }
  Json take() { return std::move(list_); }

 private:
  std::map<std::tuple<std::uint64_t, std::string, std::string, bool>, std::size_t> known_;
  Json list_ = Json::array();
};

Json frame_json(const stacks::Frame& frame, Sites& sites) {
  return Json::array(
      {sites.of(frame), static_cast<unsigned>(frame.trust), or_null(frame.frame_bytes)});
}

// From the highest address of the thread's own segments down to its first frame.
Json room_json(const stacks::Stack& stack) {
  std::uint64_t size = 0;
  for (const target::StackSegment& segment : stack.segments) size += segment.base - segment.limit;
  return size != 0 ? Json(size) : Json(nullptr);
}

Json stack_entry(const stacks::Stack& stack, Sites& sites) {
  Json json = thread_reference_json(stack);
  const bool is_named = stack.thread && !stack.thread->name.empty();
  json["name"] = text_or_null(is_named ? stack.thread->name : stack.thread_name);
  json["processor"] = or_null(stack.processor);
  json["state"] = text_or_null(!stack.listed_state.empty() ? stack.listed_state
                               : stack.thread              ? state_text(*stack.thread)
                                                           : "");
  json["dump"] = stack.dump;
  json["room"] = room_json(stack);
  json["end"] = stack.end_reason;
  json["notes"] = texts_json(stack.notes);
  json["frames"] = Json::array();
  for (const stacks::Frame& frame : stack.frames)
    json["frames"].push_back(frame_json(frame, sites));
  json["bugcheck_frames"] = Json::array();
  for (const stacks::Frame& frame : stack.bugcheck_frames)
    json["bugcheck_frames"].push_back(frame_json(frame, sites));
  return json;
}

Json groups_of(const GroupFacts& groups) {
  Json list = Json::array();
  for (const analysis::SimilarStacks& similar : groups.similar) {
    const analysis::StackGroup& model = groups.groups[similar.model];
    Json json = {{"stacks", model.stacks},           {"count", similar.stacks},
                 {"processes", model.processes},     {"dumps", model.dumps},
                 {"waits", waits_json(model.waits)}, {"guesses", model.has_guesses},
                 {"variants", Json::array()}};
    for (const auto& variant : similar.variants) {
      Json one = {{"stacks", groups.groups[variant.group].stacks}, {"differences", Json::array()}};
      for (const auto& each : variant.differences)
        one["differences"].push_back(difference_json(each));
      json["variants"].push_back(std::move(one));
    }
    list.push_back(std::move(json));
  }
  return list;
}

Json summary_of(const AnalysisFacts& facts) {
  const analysis::Analysis& analysis = facts.analysis;
  Json json;
  json["happened"] = analysis::name_of(analysis.happened);
  json["bugcheck"] = bugcheck_json(facts.of);
  json["blame"] = analysis.is_crash() ? blame_json(analysis.blame) : Json(nullptr);
  json["signature"] = signature_json(analysis.signature);
  json["stack_note"] = text_or_null(analysis.why_this_stack);
  json["findings"] = findings_json(analysis.findings);
  return json;
}

Json modules_of(const DumpFacts& facts) {
  Json list = Json::array();
  for (const dump::ModuleRecord& module : facts.machine.kernel().modules()) {
    const std::string path = base::printable(module.path);
    list.push_back({{"name", base::file_name_of(path)},
                    {"path", path},
                    {"base", base::hex_text(module.base)},
                    {"size", module.size},
                    {"timestamp", module.timestamp}});
  }
  return list;
}

Json trusts() {
  Json names = Json::array();
  for (unsigned i = 0; i <= static_cast<unsigned>(unwind::Trust::scan); ++i)
    names.push_back(unwind::name_of(static_cast<unwind::Trust>(i)));
  return names;
}

}  // namespace

Json report_document(const StackFacts& facts, const AnalysisFacts* analysis,
                     const analysis::WaitGraph& waits) {
  Json json = header_json(facts.of);
  json["type"] = "report";
  json["redacted"] = false;
  json["more_dumps"] = Json::array();
  for (const DumpFacts& other : facts.more)
    json["more_dumps"].push_back(header_json(other)["dump"]);
  json["summary"] = analysis ? summary_of(*analysis) : Json(nullptr);
  json["trusts"] = trusts();
  Sites sites;
  json["sites"] = nullptr;
  json["stacks"] = Json::array();
  for (const stacks::Stack& stack : facts.stacks)
    json["stacks"].push_back(stack_entry(stack, sites));
  json["sites"] = sites.take();
  json["groups"] = groups_of(group_facts(facts));
  json["waits"] = wait_graph_json(waits, facts.stacks, facts.of.machine.is_64_bit());
  json["modules"] = modules_of(facts.of);
  json["missing"] = missing_json(facts.missing);
  json["warnings"] = warnings_of(facts);
  return json;
}

}  // namespace ntstack::report
