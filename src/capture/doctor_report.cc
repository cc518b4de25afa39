// What `doctor` found, as text and as JSON.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "capture/doctor.h"

namespace ntstack::capture {
namespace {

using Json = nlohmann::ordered_json;

std::string_view mark_of(Check::State state) {
  switch (state) {
    case Check::State::ok:
      return "ok";
    case Check::State::warning:
      return "warning";
    case Check::State::missing:
      break;
  }
  return "MISSING";
}

std::string kinds_text(const Diagnosis& diagnosis) {
  std::string works, lacks;
  const auto add = [&](bool is_there, std::string_view name) {
    std::string& list = is_there ? works : lacks;
    list += list.empty() ? "" : ", ";
    list += name;
  };
  add(diagnosis.triage_dumps, "triage dumps");
  add(diagnosis.live_dumps, "live dumps");
  add(diagnosis.selective_live_dumps, "live dumps of kernel stacks alone");
  add(diagnosis.user_dumps, "user dumps");
  add(diagnosis.driver_stacks, "kernel stacks by ntstack's driver");
  add(diagnosis.live_user_stacks, "user stacks of running processes");
  add(true, "reading dumps");
  return fmt::format("will work: {}\n{}", works,
                     lacks.empty() ? "" : fmt::format("will not:  {}\n", lacks));
}

}  // namespace

std::string doctor_text(const Diagnosis& diagnosis) {
  std::string text = base::printable(diagnosis.machine) + "\n\n";
  for (const Check& check : diagnosis.checks) {
    text += fmt::format("{:<9}{:<22}{}\n", mark_of(check.state), check.name, check.sentence);
    if (!check.remedy.empty()) text += fmt::format("{:<31}-> {}\n", "", check.remedy);
  }
  return text + "\n" + kinds_text(diagnosis);
}

std::string doctor_json(const Diagnosis& diagnosis) {
  Json json;
  json["schema_version"] = 1;
  json["machine"] = base::printable(diagnosis.machine);
  json["can_capture"] = diagnosis.can_capture();
  Json& works = json["will_work"];
  works["triage_dumps"] = diagnosis.triage_dumps;
  works["live_dumps"] = diagnosis.live_dumps;
  works["selective_live_dumps"] = diagnosis.selective_live_dumps;
  works["user_dumps"] = diagnosis.user_dumps;
  works["driver_stacks"] = diagnosis.driver_stacks;
  works["live_user_stacks"] = diagnosis.live_user_stacks;
  Json& checks = json["checks"] = Json::array();
  for (const Check& check : diagnosis.checks) {
    Json& one = checks.emplace_back();
    one["name"] = check.name;
    one["state"] = name_of(check.state);
    one["sentence"] = check.sentence;
    one["remedy"] = check.remedy.empty() ? Json(nullptr) : Json(check.remedy);
  }
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace ntstack::capture
