#include "analysis/wait_diagnosis.h"
#include "base/text.h"
#include "report/json_lists.h"
#include "report/json_parts.h"
#include "report/waits.h"

namespace ntstack::report {
namespace {

using base::hex_text;
using Json = nlohmann::ordered_json;

Json address_or_null(std::uint64_t address) {
  return address != 0 ? Json(hex_text(address)) : Json(nullptr);
}

Json object_json(const analysis::WaitedObject& object) {
  Json json;
  json["address"] = address_or_null(object.address);
  json["kind"] = analysis::name_of(object.kind);
  json["type"] = text_or_null(object.type);
  json["certainty"] = analysis::name_of(object.certainty);
  json["how"] = base::printable(object.how);
  json["event_of_lock"] = object.is_event_of_lock;
  json["container"] = object.container ? Json(hex_text(*object.container)) : Json(nullptr);
  json["process_id"] = object.process != 0 ? Json(object.process) : Json(nullptr);
  return json;
}

class Writer {
 public:
  Writer(const analysis::WaitGraph& graph, std::span<const stacks::Stack> stacks, bool is_64_bit)
      : graph_(graph), stacks_(stacks), is_64_bit_(is_64_bit) {}

  Json json() const {
    Json json;
    json["diagnosis"] = Json::array();
    for (const analysis::Diagnosis& each : analysis::diagnoses_of(graph_, stacks_, is_64_bit_))
      json["diagnosis"].push_back(diagnosis_json(each));
    json["objects"] = Json::array();
    for (std::size_t i = 0; i < graph_.objects.size(); ++i)
      json["objects"].push_back(awaited_json(i));
    json["cycles"] = Json::array();
    for (const analysis::WaitCycle& each : graph_.cycles)
      json["cycles"].push_back(cycle_json(each));
    json["roots"] = graph_.roots;
    json["waits"] = Json::array();
    for (std::size_t i = 0; i < graph_.waits.size(); ++i) json["waits"].push_back(wait_json(i));
    json["cut"] = graph_.is_cut;
    return json;
  }

 private:
  Json thread_of(std::size_t wait) const {
    return thread_reference_json(stacks_[graph_.waits[wait].stack]);
  }

  static Json diagnosis_json(const analysis::Diagnosis& told) {
    const bool is_cycle = told.kind == analysis::Diagnosis::deadlock;
    Json json;
    json["kind"] = analysis::name_of(told.kind);
    json["sentence"] = base::printable(told.sentence);
    json["certainty"] = analysis::name_of(told.certainty);
    json["behind"] = told.behind;
    json["evidence"] = texts_json(told.evidence);
    json["object"] = is_cycle ? Json(nullptr) : Json(told.index);
    json["cycle"] = is_cycle ? Json(told.index) : Json(nullptr);
    return json;
  }

  Json holder_json(const analysis::Holder& holder) const {
    Json json;
    json["thread"] = nullptr;
    if (holder.stack) {
      json["thread"] = thread_reference_json(stacks_[*holder.stack]);
    } else if (holder.thread != 0 || holder.thread_id) {
      json["thread"] = {{"thread", address_or_null(holder.thread)},
                        {"thread_id", or_null(holder.thread_id)},
                        {"process_id", nullptr},
                        {"process", nullptr}};
    }
    json["what"] = text_or_null(holder.what);
    json["certainty"] = analysis::name_of(holder.certainty);
    json["how"] = base::printable(holder.how);
    json["doing"] =
        holder.stack ? text_or_null(analysis::doing_text(stacks_[*holder.stack])) : Json(nullptr);
    return json;
  }

  Json awaited_json(std::size_t index) const {
    const analysis::AwaitedObject& awaited = graph_.objects[index];
    Json json = object_json(awaited.object);
    json["waiters"] = awaited.waiters;
    json["holders"] = Json::array();
    for (const analysis::Holder& each : awaited.holders)
      json["holders"].push_back(holder_json(each));
    json["why_no_holder"] =
        awaited.holders.empty() ? text_or_null(awaited.why_no_holder) : Json(nullptr);
    json["behind"] = awaited.behind;
    return json;
  }

  Json cycle_json(const analysis::WaitCycle& cycle) const {
    Json steps = Json::array();
    for (const analysis::WaitCycle::Step& step : cycle.steps)
      steps.push_back(
          {{"thread", thread_of(step.wait)}, {"wait", step.wait}, {"object", step.object}});
    return {{"certainty", analysis::name_of(cycle.certainty)},
            {"behind", cycle.behind},
            {"steps", std::move(steps)}};
  }

  Json wait_json(std::size_t index) const {
    const analysis::Wait& wait = graph_.waits[index];
    Json json = thread_reference_json(stacks_[wait.stack]);
    json["waits"] = report::waits_json(wait.words);
    json["meant"] = wait.meant ? object_json(*wait.meant) : Json(nullptr);
    json["blocks"] = Json::array();
    for (const analysis::WaitedObject& each : wait.blocks)
      json["blocks"].push_back(object_json(each));
    json["objects"] = graph_.waits_for[index];
    json["holds"] = graph_.holds[wait.stack];
    return json;
  }

  const analysis::WaitGraph& graph_;
  std::span<const stacks::Stack> stacks_;
  bool is_64_bit_;
};

}  // namespace

Json wait_graph_json(const analysis::WaitGraph& graph, std::span<const stacks::Stack> stacks,
                     bool is_64_bit) {
  return Writer(graph, stacks, is_64_bit).json();
}

std::string waits_json(const StackFacts& facts, const analysis::WaitGraph& graph) {
  Json json = header_json(facts.of);
  if (!facts.more.empty()) json["more_dumps"] = more_dumps_json(facts);
  json["threads"] = facts.stacks.size();
  json["graph"] = wait_graph_json(graph, facts.stacks, facts.of.machine.is_64_bit());
  json["missing"] = missing_json(facts.missing);
  json["warnings"] = warnings_of(facts);
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace ntstack::report
