// `ntstack stack-starts`: where a thread's stack may begin, ranked by what each start explains.
#pragma once

#include <string>
#include <vector>

#include "report/facts.h"
#include "report/text.h"
#include "stacks/starts.h"

namespace ntstack::report {

// A start with the names of its first frames.
struct NamedStart {
  stacks::StartCandidate start;
  std::vector<std::string> youngest;  // "nt!IofCallDriver+0x45", the start's own first
};

struct StackStartsFacts {
  DumpFacts of;
  const target::Thread* thread = nullptr;  // never null
  std::vector<NamedStart> starts;          // the best first: a walk that has no better begins there
};

std::string stack_starts_text(const StackStartsFacts& facts);
std::string stack_starts_json(const StackStartsFacts& facts);

}  // namespace ntstack::report
