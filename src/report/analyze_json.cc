// analyze.h's JSON.
#include <algorithm>

#include "analysis/bugcheck.h"
#include "analysis/exception_of.h"
#include "base/text.h"
#include "report/analyze.h"
#include "report/analyze_parts.h"
#include "report/json_parts.h"
#include "report/stack_use_json.h"

namespace ntstack::report {
namespace {

using Json = nlohmann::ordered_json;
using base::hex_text;

Json counts_json(const std::vector<analysis::Counted>& counts) {
  Json list = Json::array();
  for (const auto& each : counts) list.push_back({{"name", each.what}, {"count", each.count}});
  return list;
}

Json threads_json(const analysis::Analysis& analysis) {
  if (!analysis.hang) return nullptr;
  const analysis::Hang& hang = *analysis.hang;
  Json json;
  json["count"] = hang.threads;
  json["with_stack"] = hang.with_stack;
  json["states"] = counts_json(hang.states);
  json["wait_reasons"] = counts_json(hang.wait_reasons);
  json["groups"] = Json::array();
  for (const analysis::StackGroup& group : hang.groups) {
    Json threads = Json::array();
    for (const std::size_t i : group.stacks)
      threads.push_back(thread_reference_json(analysis.stacks[i]));
    json["groups"].push_back({{"threads", std::move(threads)},
                              {"processes", group.processes},
                              {"frames", texts_json(group.frames)},
                              {"waits", waits_json(group.waits)},
                              {"guesses", group.has_guesses}});
  }
  json["longest_waits"] = Json::array();
  for (const analysis::LongWait& wait : hang.longest) {
    Json one = thread_reference_json(analysis.stacks[wait.stack]);
    one["ticks"] = wait.ticks;
    one["seconds"] = or_null(wait.seconds);
    one["waits"] = waits_json(wait.waits);
    json["longest_waits"].push_back(std::move(one));
  }
  json["without_wait_time"] = hang.without_wait_time;
  return json;
}

}  // namespace

Json blame_json(const analysis::Blame& blame) {
  Json json;
  json["by"] = analysis::name_of(blame.by);
  json["module"] = text_or_null(blame.module);
  json["unloaded"] = blame.is_unloaded;
  json["frame"] = or_null(blame.frame);
  json["parameter"] = blame.parameter ? Json(*blame.parameter + 1) : Json(nullptr);
  json["address"] = blame.address != 0 ? Json(hex_text(blame.address)) : Json(nullptr);
  json["symbol"] = text_or_null(blame.symbol);
  json["reason"] = text_or_null(blame.reason);
  json["confidence"] = analysis::name_of(blame.confidence);
  json["because"] = text_or_null(blame.because);
  json["skipped"] = Json::array();
  for (const auto& each : blame.skipped)
    json["skipped"].push_back({{"frame", each.frame},
                               {"symbol", base::printable(each.symbol)},
                               {"as", analysis::name_of(each.passed.as)},
                               {"why", each.passed.why}});
  return json;
}

Json signature_json(const std::optional<analysis::Signature>& signature) {
  if (!signature) return nullptr;
  return {{"hash", signature->hash},
          {"lines", texts_json(signature->lines)},
          {"frames", signature->frames},
          {"nameless_frames", signature->nameless},
          {"guesses", signature->has_guesses}};
}

Json findings_json(const std::vector<analysis::Finding>& findings) {
  Json list = Json::array();
  for (const analysis::Finding& each : findings)
    list.push_back({{"kind", each.kind},
                    {"sentence", base::printable(each.sentence)},
                    {"confidence", analysis::name_of(each.confidence)},
                    {"evidence", texts_json(each.evidence)},
                    {"next", texts_json(each.next)}});
  return list;
}

std::string analysis_json(const AnalysisFacts& facts) {
  const analysis::Analysis& analysis = facts.analysis;
  const stacks::Stack* stack = analysis.stack_in_question();
  Json json = header_json(facts.of);
  json["happened"] = analysis::name_of(analysis.happened);
  json["bugcheck"] = bugcheck_json(facts.of);
  json["exception"] = exception_json(facts.of, analysis::exception_of(facts.of.machine));
  json["blame"] = analysis.is_crash() ? blame_json(analysis.blame) : Json(nullptr);
  json["signature"] = signature_json(analysis.signature);
  json["stack_crash"] =
      analysis.crash
          ? Json({{"sentence", analysis.crash.sentence}, {"smashed", analysis.crash.is_smashed}})
          : Json(nullptr);
  json["stack"] = stack ? whole_stack_json(facts.of.machine, *stack) : Json(nullptr);
  json["stack_note"] = text_or_null(analysis.why_this_stack);
  json["threads"] = threads_json(analysis);
  json["findings"] = findings_json(analysis.findings);
  json["accounts"] = accounts_json(facts.accounts, facts.of.machine);
  json["missing"] = missing_json(analysis.missing);
  json["warnings"] = warnings_of(facts.of);
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string bugchecks_json() {
  Json json;
  json["schema_version"] = 1;
  json["bugchecks"] = Json::array();
  std::size_t meant = 0;
  for (const analysis::BugcheckMeaning& each : analysis::known_bugchecks()) {
    meant += each.sentence.empty() ? 0 : 1;
    json["bugchecks"].push_back({{"code", hex_text(each.code)},
                                 {"name", each.name},
                                 {"meaning", text_or_null(each.sentence)}});
  }
  json["with_meaning"] = meant;
  json["by_name_alone"] = analysis::known_bugchecks().size() - meant;
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace ntstack::report
