#include "report/report_document.h"

#include <map>
#include <set>
#include <tuple>

#include "analysis/analyze.h"
#include "analysis/signature.h"
#include "analysis/stack_account.h"
#include "base/text.h"
#include "report/analyze_parts.h"
#include "report/captures.h"
#include "report/groups.h"
#include "report/json_parts.h"
#include "report/symbol_files.h"
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
    const bool is_user = frame.is_user || frame.is_wow64;
    const auto key =
        std::tuple(name.empty() ? frame.ip : 0, name, source, frame.is_inline, is_user);
    const auto [at, is_new] = known_.try_emplace(key, known_.size());
    if (!is_new) return at->second;
    std::string function = analysis::normalised(frame);
    list_.push_back({{"name", name.empty() ? base::hex_text(frame.ip) : name},
                     {"function", text_or_null(function)},
                     {"source", text_or_null(source)},
                     {"inline", frame.is_inline},
                     {"user", is_user}});
    return at->second;
  }
  Json take() { return std::move(list_); }

 private:
  std::map<std::tuple<std::uint64_t, std::string, std::string, bool, bool>, std::size_t> known_;
  Json list_ = Json::array();
};

Json frame_json(const stacks::Frame& frame, const Json& bytes, Sites& sites) {
  return Json::array({sites.of(frame), static_cast<unsigned>(frame.trust), bytes});
}

// Of the kernel's frames what no frame above has, as `stack-use` counts.
Json frames_json(const stacks::Stack& stack, const analysis::StackAccount& account, Sites& sites) {
  std::vector<const analysis::FrameUse*> uses(stack.frames.size());
  for (const analysis::FrameUse& use : account.frames) uses[use.frame] = &use;
  Json list = Json::array();
  for (std::size_t i = 0; i < stack.frames.size(); ++i) {
    const stacks::Frame& frame = stack.frames[i];
    Json bytes = frame.is_inline || !frame.frame_bytes ? Json(nullptr)
                 : uses[i]                             ? Json(uses[i]->bytes)
                                                       : Json(*frame.frame_bytes);
    list.push_back(frame_json(frame, bytes, sites));
  }
  return list;
}

Json segments_json(const analysis::StackAccount& account) {
  Json list = Json::array();
  for (const analysis::SegmentUse& use : account.segments) {
    if (!use.is_accounted || use.used == 0) continue;
    list.push_back({{"kind", target::name_of(use.segment.kind)},
                    {"size", use.size},
                    {"used", use.used},
                    {"left", use.left},
                    {"size_known", use.segment.limit_known}});
  }
  return list;
}

Json stack_entry(const stacks::Stack& stack, base::Architecture architecture, Sites& sites) {
  const analysis::StackAccount account = analysis::account_of(stack, architecture);
  Json json = thread_reference_json(stack);
  const bool is_named = stack.thread && !stack.thread->name.empty();
  json["name"] = text_or_null(is_named ? stack.thread->name : stack.thread_name);
  json["processor"] = or_null(stack.processor);
  json["state"] = text_or_null(!stack.listed_state.empty() ? stack.listed_state
                               : stack.thread              ? state_text(*stack.thread)
                                                           : "");
  json["dump"] = stack.dump;
  json["segments"] = segments_json(account);
  json["end"] = stack.end_reason;
  json["notes"] = texts_json(stack.notes);
  json["frames"] = frames_json(stack, account, sites);
  json["bugcheck_frames"] = Json::array();
  for (const stacks::Frame& frame : stack.bugcheck_frames)
    json["bugcheck_frames"].push_back(frame_json(frame, or_null(frame.frame_bytes), sites));
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

// Of all dumps, those that are the same once.
Json modules_of(const StackFacts& facts) {
  std::set<std::tuple<std::uint64_t, std::string, std::uint32_t>> known;
  Json list = Json::array();
  for (std::uint32_t i = 0; i <= facts.more.size(); ++i)
    for (const dump::ModuleRecord& module : facts.of_dump(i).machine.kernel().modules()) {
      const std::string path = base::printable(module.path);
      if (!known.emplace(module.base, path, module.timestamp).second) continue;
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

Json report_document(const ReportFacts& report) {
  const StackFacts& facts = report.stacks;
  Json json = header_json(facts.of);
  json["type"] = "report";
  json["redacted"] = false;
  json["more_dumps"] = Json::array();
  for (const DumpFacts& other : facts.more)
    json["more_dumps"].push_back(header_json(other)["dump"]);
  json["summary"] = report.analysis ? summary_of(*report.analysis) : Json(nullptr);
  json["trusts"] = trusts();
  Sites sites;
  json["sites"] = nullptr;
  json["stacks"] = Json::array();
  for (const stacks::Stack& stack : facts.stacks)
    json["stacks"].push_back(
        stack_entry(stack, facts.of_dump(stack.dump).dump.architecture, sites));
  json["sites"] = sites.take();
  json["groups"] = groups_of(group_facts(facts));
  json["waits"] = wait_graph_json(report.waits, facts.stacks, facts.of.machine.is_64_bit());
  json["modules"] = modules_of(facts);
  json["symbol_files"] = symbol_file_list(report.needs);
  json["missing_threads"] = missing_threads_json(facts);
  json["missing"] = missing_json(facts.missing);
  json["warnings"] = warnings_of(facts);
  return json;
}

}  // namespace ntstack::report
