#include "analysis/signature.h"

#include <fmt/format.h>

#include <algorithm>

#include "analysis/blame_skips.h"
#include "base/sha256.h"
#include "base/text.h"

namespace ntstack::analysis {
namespace {

using stacks::Frame;

bool counts(const Frame& frame, bool is_user) {
  if (frame.is_inline || (frame.is_user && !is_user) || frame.symbol.module.empty()) return false;
  return passed_over(frame).as != Passed::machinery;
}

bool is_exact(const Frame& frame) {
  return frame.trust != unwind::Trust::scan && frame.trust != unwind::Trust::reconstructed;
}

}  // namespace

std::string normalised(const Frame& frame) {
  const symbols::Symbol& symbol = frame.symbol;
  if (symbol.module.empty()) return "";
  const std::string module = base::lower(symbol.module);
  if (symbol.name.empty()) return fmt::format("{}+{:#x}", module, symbol.offset);
  if (symbol.is_export) return fmt::format("{}!{}+{:#x}", module, symbol.name, symbol.offset);
  return module + "!" + symbol.name;
}

Signature signature_of(std::string begins, const stacks::Stack& stack, bool is_user) {
  Signature signature;
  signature.has_guesses = std::ranges::none_of(
      stack.frames, [&](const Frame& frame) { return counts(frame, is_user) && is_exact(frame); });
  signature.lines.push_back(std::move(begins));
  for (const Frame& frame : stack.frames) {
    if (signature.frames == kMostSignatureFrames) break;
    // Who was interrupted is chance.
    if (passed_over(frame).is_interrupted_below && signature.frames != 0) break;
    if (!counts(frame, is_user) || (!signature.has_guesses && !is_exact(frame))) continue;
    if (frame.symbol.name.empty() || frame.symbol.is_export) ++signature.nameless;
    signature.lines.push_back(normalised(frame));
    ++signature.frames;
  }
  std::string text;
  for (const std::string& line : signature.lines) text += line + "\n";
  signature.hash = base::sha256_text(text).substr(0, 16);
  return signature;
}

}  // namespace ntstack::analysis
