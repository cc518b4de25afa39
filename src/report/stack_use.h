// `ntstack stack-use`: who uses a kernel stack, and which threads are near their limits.
#pragma once

#include <string>
#include <vector>

#include "analysis/near_limit.h"
#include "analysis/stack_verdict.h"
#include "report/facts.h"
#include "report/text.h"

namespace ntstack::report {

// A large frame, with its evidence.
struct LargeFrame {
  std::size_t use = 0;  // index in StackAccount::frames
  analysis::FrameEvidence evidence;
  analysis::FrameLocals locals;
};

struct StackUse {
  const stacks::Stack* stack = nullptr;
  analysis::StackAccount account;
  analysis::StackVerdict verdict;
  std::vector<LargeFrame> largest;

  // Of the largest frame of those whom the verdict names; null: it was not read.
  const LargeFrame* frame_of_verdict() const;
  std::string sentence(bool is_64_bit) const;
};

struct StackUseFacts {
  DumpFacts of;
  analysis::StackCrash crash;
  std::vector<StackUse> stacks;      // that of the crash first
  analysis::NearLimits near_limits;  // empty where one thread was asked for
  std::size_t top = 0;               // rows of each list
  std::vector<symbols::Missing> missing;
};

// The list of threads by the room that is left, as many as `top`; empty where nothing is known.
std::string near_limits_text(const StackUseFacts& facts, const TextStyle& style);
std::string stack_use_text(const StackUseFacts& facts, const TextStyle& style);
// Its accounts and list alone, without what the dump is and what is not at hand.
std::string stack_accounts_text(const StackUseFacts& facts, const TextStyle& style);
std::string stack_use_json(const StackUseFacts& facts);

}  // namespace ntstack::report
