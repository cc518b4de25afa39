// What a capture would find on this machine, before anyone needs it: what will work, what will not,
// and how to mend it. Nothing is changed; no dump is taken.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "capture/system.h"

namespace ntstack::capture {

struct Check {
  enum class State : std::uint8_t { ok, warning, missing };
  std::string name;  // "elevation": JSON's
  State state = State::ok;
  std::string sentence;  // what was found, without a full stop at its end
  std::string remedy;    // what would mend it; empty where nothing is to be mended
};
std::string_view name_of(Check::State state);

struct Diagnosis {
  std::string machine;  // "SERVER1: Windows 10.0.20348.2113 (Server), x64, 16 processors"
  std::vector<Check> checks;
  // Kinds of capture that will work here; what stands in the way of the others is in the checks.
  bool triage_dumps = false, live_dumps = false, selective_live_dumps = false;
  bool user_dumps = false, live_user_stacks = false;
  bool driver_stacks = false;  // ntstack's driver runs and answers

  // Whether kernel stacks can be captured, in one way at least.
  bool can_capture() const {
    return triage_dumps || live_dumps || selective_live_dumps || driver_stacks;
  }
};

// SeDebugPrivilege is turned on and off again, to see whether it can be.
Diagnosis diagnose(System& system);
// Of a system that is not Windows.
Diagnosis diagnose_elsewhere();

// Bytes of a triage dump that are left for threads, of its one megabyte: by facts about public
// builds, an estimate.
std::uint32_t triage_room(const MachineFacts& machine);

std::string doctor_text(const Diagnosis& diagnosis);
std::string doctor_json(const Diagnosis& diagnosis);  // docs/schema: doctor_document

}  // namespace ntstack::capture
