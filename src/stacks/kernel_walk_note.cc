#include "stacks/kernel_walk_note.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace ntstack::stacks {
namespace {

constexpr std::size_t kMostNamed = 24;

std::string names_of(std::span<const std::uint64_t> frames, symbols::Symbolizer& symbolizer) {
  std::string text;
  for (const std::uint64_t frame : frames.first(std::min(frames.size(), kMostNamed)))
    text += (text.empty() ? "" : ", ") + symbolizer.name(frame, true).function.text();
  if (frames.size() > kMostNamed) text += fmt::format(" and {} more", frames.size() - kMostNamed);
  return text;
}

}  // namespace

std::string kernel_walk_note(const Stack& stack, std::span<const std::uint64_t> kernel,
                             symbols::Symbolizer& symbolizer) {
  std::vector<std::uint64_t> own;
  for (const Frame& frame : stack.frames)
    if (!frame.is_inline && !frame.is_user) own.push_back(frame.ip);
  if (own.empty() || kernel.empty()) return "";
  // Both from a frame on that both have.
  const auto first = std::ranges::find_first_of(own, kernel);
  if (first == own.end())
    return "the kernel's own walk has no frame of it: " + names_of(kernel, symbolizer);
  const auto begin = static_cast<std::size_t>(first - own.begin());
  const auto theirs =
      kernel.subspan(static_cast<std::size_t>(std::ranges::find(kernel, *first) - kernel.begin()));
  std::size_t same = 0;
  while (same < theirs.size() && begin + same < own.size() && theirs[same] == own[begin + same])
    ++same;
  if (same == theirs.size()) return "";  // it ends there, or earlier
  // Into user mode it goes on where it may.
  if (begin + same == own.size() && stack.end == End::user_mode) return "";
  const auto rest = theirs.subspan(same);
  return begin + same == own.size()
             ? "the kernel's own walk goes on: " + names_of(rest, symbolizer)
             : fmt::format("from frame {} on the kernel's own walk is another: {}", begin + same,
                           names_of(rest, symbolizer));
}

}  // namespace ntstack::stacks
