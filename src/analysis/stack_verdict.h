// One sentence that says who uses a stack, and how sure that is.
#pragma once

#include <string>
#include <vector>

#include "analysis/confidence.h"
#include "analysis/frame_evidence.h"
#include "analysis/frame_locals.h"
#include "analysis/stack_account.h"

namespace ntstack::analysis {

struct StackVerdict {
  // Whom it names: the module with most bytes that are no overhead; where that comes with Windows
  // and drivers that by their names do not have more together, these.
  std::vector<std::string> modules;
  std::uint64_t bytes = 0;  // their own
  std::size_t frames = 0;   // likewise
  unsigned percent = 0;     // of the bytes in use
  std::string sentence;     // empty where no frame has bytes
  Confidence confidence = Confidence::low;
  std::string because;  // of the confidence: a sentence
};

// The largest frame of a verdict's modules, as an index in StackAccount::frames; nothing without.
std::optional<std::size_t> largest_of(const StackAccount& account, const stacks::Stack& stack,
                                      const std::vector<std::string>& modules);

// Without its sentence; the modules' largest frame may then be read for it.
StackVerdict verdict_of(const StackAccount& account);
// `evidence`, `locals`: of the modules' largest frame; null: none.
std::string sentence_of(const StackVerdict& verdict, const StackAccount& account,
                        const stacks::Stack& stack, const FrameEvidence* evidence,
                        const FrameLocals* locals, bool is_64_bit);

}  // namespace ntstack::analysis
