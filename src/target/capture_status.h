// What became of each thread that a triage dump of a process was asked for: the kernel keeps a list
// of NTSTATUS codes in the dump, found without symbols by how its blocks point to each other.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "dump/dump.h"

namespace ntstack::target {

// One code a requested thread, in the order of the request; empty where the dump has no such list.
std::vector<std::uint32_t> read_capture_statuses(const dump::TriageRecords& triage);

enum class Capture : std::uint8_t {
  captured,       // 0
  timed_out,      // its APC did not begin within 5 seconds
  did_not_fit,    // no room was left in the dump
  not_attempted,  // behind one that did not fit, or the thread was going away
  denied,         // its handle did not allow it, or was none
  failed          // another code
};
Capture capture_of(std::uint32_t status);
std::string_view name_of(Capture capture);  // "captured", "timed_out", ...: JSON
std::string_view text_of(Capture capture);  // "timed out (its APC could not run within 5 s)"

}  // namespace ntstack::target
