// What became of each thread that a triage dump of a process was asked for: the kernel keeps a list
// of NTSTATUS codes in the dump, found without symbols by how its blocks point to each other.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "dump/dump.h"

namespace ntstack::target {

// One code a requested thread, in the order of the request; empty where the dump has no such list.
std::vector<std::uint32_t> read_capture_statuses(const dump::TriageRecords& triage);

enum class Capture : std::uint8_t {
  captured,   // 0
  no_stack,   // 0 too, but the bytes of its stack did not fit: the kernel leaves them out silently
  timed_out,  // its APC did not begin within 5 seconds
  did_not_fit,    // no room was left in the dump
  not_attempted,  // behind one that did not fit; without such a one also a thread about to end
  gone,           // refused the APC: it was about to end
  denied,         // its handle did not allow it, or was none
  failed          // another code
};
// Of one code alone: neither no_stack nor, for the code that both have, gone.
Capture capture_of(std::uint32_t status);
// Of a whole list: the kernel stops at the first thread without room, so what came before was
// tried.
std::vector<Capture> captures_of(std::span<const std::uint32_t> statuses);
std::string_view name_of(Capture capture);  // "captured", "timed_out", ...: JSON
// What is said of one thread or of several: "did not answer in time (...)".
std::string_view text_of(Capture capture);
// The same of a thread that ntstack's driver was asked for.
std::string_view text_of_driver(Capture capture);

}  // namespace ntstack::target
