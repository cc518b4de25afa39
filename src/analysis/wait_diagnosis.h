// The wait graph in sentences: deadlocks first, then who holds up most threads, and what that one
// does.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "analysis/wait_graph.h"

namespace ntstack::analysis {

struct Diagnosis {
  enum Kind : std::uint8_t {
    deadlock,  // threads wait for each other
    blocker,   // somebody has what others wait for
    no_holder  // who has it is not known
  } kind = blocker;
  std::string sentence;  // without a full stop
  Certainty certainty = Certainty::possible;
  std::size_t behind = 0;             // threads that wait, one way or the other
  std::vector<std::string> evidence;  // how the parts of the sentence are known; sentences
  std::size_t index = 0;              // in WaitGraph::cycles, of a deadlock; else in ::objects
};
std::string_view name_of(Diagnosis::Kind kind);  // "no_holder": JSON

std::vector<Diagnosis> diagnoses_of(const WaitGraph& graph, std::span<const stacks::Stack> stacks,
                                    bool is_64_bit);

// "the resource at fffff800`02a07090", "process 1a2c (w3wp.exe)" by its holder's words.
std::string object_text(const AwaitedObject& awaited, bool is_64_bit);
// "THREAD fffffa80`0c0e3340 (w3wp.exe, 1a2c.1fd8)"
std::string thread_text(const stacks::Stack& stack, bool is_64_bit);
// The same of a holder: what it is where it is no thread of the stacks.
std::string holder_text(const Holder& holder, std::span<const stacks::Stack> stacks,
                        bool is_64_bit);
// What a stack's thread does: "waits for an answer over SMB", "runs on processor 1".
std::string doing_text(const stacks::Stack& stack);

}  // namespace ntstack::analysis
