// stack_use.h's JSON.
#include "report/stack_use_json.h"

#include <algorithm>

#include "analysis/repetitions.h"
#include "base/text.h"
#include "report/json_parts.h"
#include "report/stack_use.h"

namespace ntstack::report {
namespace {

using Json = nlohmann::ordered_json;
using base::hex_text;

Json segment_json(const analysis::SegmentUse& use) {
  return {{"kind", target::name_of(use.segment.kind)},
          {"limit", hex_text(use.segment.limit)},
          {"base", hex_text(use.segment.base)},
          {"limit_known", use.segment.limit_known},
          {"size", use.size},
          {"used", use.used},
          {"left", use.left},
          {"past_limit", use.past_limit},
          {"may_grow", or_null(use.may_grow)},
          {"large_stack", or_null(use.grows)},
          {"guard_page", analysis::name_of(use.guard)},
          {"accounted", use.is_accounted},
          {"frames", use.frames},
          {"bytes_in_frames", use.counted},
          {"bytes_at_base", use.at_base}};
}

Json share_json(const analysis::Share& share) {
  return {{"module", text_or_null(share.module)},
          {"function", text_or_null(share.function)},
          {"frames", share.frames},
          {"bytes", share.bytes},
          {"overhead_bytes", share.overhead_bytes},
          {"guessed_bytes", share.guessed_bytes},
          {"largest_bytes", share.largest},
          {"largest_frame", share.largest_frame}};
}

Json evidence_json(const analysis::FrameEvidence& evidence) {
  Json json;
  json["function"] = evidence.function != 0 ? Json(hex_text(evidence.function)) : Json(nullptr);
  json["start_found_by"] = analysis::name_of(evidence.start_by);
  json["return_address_bytes"] = evidence.return_address;
  json["instructions"] = Json::array();
  for (const analysis::TakenBy& each : evidence.taken)
    json["instructions"].push_back(
        {{"address", each.address != 0 ? Json(hex_text(each.address)) : Json(nullptr)},
         {"kind", code::name_of(each.taking)},
         {"bytes", each.bytes},
         {"text", each.text}});
  json["argument_bytes"] = evidence.arguments;
  json["unexplained_bytes"] = evidence.unexplained;
  json["aligns"] = evidence.aligns;
  json["unwind_bytes"] = or_null(evidence.unwind_bytes);
  json["reason"] = text_or_null(evidence.why_none);
  return json;
}

Json locals_json(const analysis::FrameLocals& locals) {
  Json list = Json::array();
  for (const analysis::FrameLocal& each : locals.locals)
    list.push_back({{"name", base::printable(each.name)},
                    {"inlined_function", text_or_null(each.function)},
                    {"type", base::printable(each.type)},
                    {"bytes", each.bytes},
                    {"base", text_or_null(each.base)},
                    {"offset", each.offset},
                    {"is_parameter", each.is_parameter}});
  return list;
}

Json largest_json(const StackUse& use) {
  Json list = Json::array();
  for (const LargeFrame& each : use.largest) {
    const analysis::FrameUse& frame_use = use.account.frames[each.use];
    const stacks::Frame& frame = use.stack->frames[frame_use.frame];
    list.push_back({{"frame", frame_use.frame},
                    {"ip", hex_text(frame.ip)},
                    {"symbol", text_or_null(frame.symbol.text())},
                    {"trust", unwind::name_of(frame.trust)},
                    {"bytes", frame_use.bytes},
                    {"evidence", evidence_json(each.evidence)},
                    {"locals", locals_json(each.locals)}});
  }
  return list;
}

Json repetitions_json(const analysis::StackAccount& account) {
  Json list = Json::array();
  for (const analysis::Repetition& each : account.repetitions) {
    Json round = Json::array();
    for (const std::string& name : each.round) round.push_back(base::printable(name));
    list.push_back({{"of", each.of_functions ? "functions" : "modules"},
                    {"round", std::move(round)},
                    {"rounds", each.rounds},
                    {"unfinished", each.unfinished},
                    {"exact", each.is_exact},
                    {"youngest_frame", each.youngest_frame},
                    {"oldest_frame", each.oldest_frame},
                    {"bytes", each.bytes}});
  }
  return list;
}

Json verdict_json(const StackUse& use, bool is_64_bit) {
  if (use.verdict.modules.empty()) return nullptr;
  Json json;
  json["modules"] = Json::array();
  for (const std::string& name : use.verdict.modules)
    json["modules"].push_back(base::printable(name));
  json["bytes"] = use.verdict.bytes;
  json["frames"] = use.verdict.frames;
  json["percent"] = use.verdict.percent;
  json["sentence"] = use.sentence(is_64_bit);
  json["confidence"] = analysis::name_of(use.verdict.confidence);
  json["because"] = use.verdict.because;
  return json;
}

// Every share: `--top` is for people.
Json account_json(const StackUse& use, const target::Machine& machine) {
  const analysis::StackAccount& account = use.account;
  Json json = owner_json(machine, use.stack->thread);
  json["processor"] = or_null(use.stack->processor);
  json["verdict"] = verdict_json(use, machine.is_64_bit());
  json["size"] = account.size;
  json["used"] = account.used;
  json["left"] = account.left;
  json["expansions"] = account.expansions();
  json["bytes_in_frames"] = account.counted;
  json["overhead_bytes"] = account.overhead;
  json["guessed_bytes"] = account.guessed;
  json["frames"] = account.frame_count;
  json["guessed_frames"] = account.guessed_frames;
  json["segments"] = Json::array();
  for (const auto& each : account.segments) json["segments"].push_back(segment_json(each));
  json["modules"] = Json::array();
  for (const auto& each : account.modules) json["modules"].push_back(share_json(each));
  json["functions"] = Json::array();
  for (const auto& each : account.functions) json["functions"].push_back(share_json(each));
  json["repetitions"] = repetitions_json(account);
  json["largest"] = largest_json(use);
  json["overhead"] = Json::array();
  for (const auto& each : account.frames)
    if (each.overhead != analysis::Overhead::none)
      json["overhead"].push_back({{"frame", each.frame},
                                  {"kind", analysis::name_of(each.overhead)},
                                  {"bytes", each.bytes}});
  json["end"] = stacks::name_of(use.stack->end);
  json["end_reason"] = text_or_null(use.stack->end_reason);
  json["notes"] = use.stack->notes;
  return json;
}

Json near_json(const StackUseFacts& facts) {
  Json list = Json::array();
  const auto& threads = facts.near_limits.threads;
  for (std::size_t i = 0; i < threads.size() && i < facts.top; ++i) {
    Json json = owner_json(facts.of.machine, threads[i].thread);
    json["on_processor"] = threads[i].is_on_processor;
    json["limit"] = hex_text(threads[i].use.segment.limit);
    json["base"] = hex_text(threads[i].use.segment.base);
    json["size"] = threads[i].use.size;
    json["used"] = threads[i].use.used;
    json["left"] = threads[i].use.left;
    json["past_limit"] = threads[i].use.past_limit;
    json["may_grow"] = or_null(threads[i].use.may_grow);
    json["large_stack"] = or_null(threads[i].use.grows);
    json["guard_page"] = analysis::name_of(threads[i].use.guard);
    list.push_back(std::move(json));
  }
  return list;
}

}  // namespace

nlohmann::ordered_json accounts_json(const std::vector<StackUse>& accounts,
                                     const target::Machine& machine) {
  Json list = Json::array();
  for (const StackUse& use : accounts) list.push_back(account_json(use, machine));
  return list;
}

std::string stack_use_json(const StackUseFacts& facts) {
  Json json = header_json(facts.of);
  json["bugcheck"] = bugcheck_json(facts.of);
  json["stack_crash"] =
      facts.crash ? Json({{"sentence", facts.crash.sentence}, {"smashed", facts.crash.is_smashed}})
                  : Json(nullptr);
  json["accounts"] = accounts_json(facts.stacks, facts.of.machine);
  json["near_limits"] = near_json(facts);
  json["threads_not_known"] = facts.near_limits.not_known;
  json["missing"] = missing_json(facts.missing);
  json["warnings"] = warnings_of(facts.of);
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace ntstack::report
