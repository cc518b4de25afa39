// Stacks that are the same, and stacks that are nearly the same: of one process, of several, or of
// many dumps. They are compared by what docs/analyze.md calls normalised frames, so that images
// may lie elsewhere.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "analysis/wait_words.h"
#include "stacks/stack.h"

namespace ntstack::analysis {

// Threads whose stacks are the same by their normalised frames, those of the wait itself apart.
struct StackGroup {
  std::vector<std::size_t> stacks;  // indexes, in the order of the stacks
  std::vector<std::string> frames;  // youngest first
  std::optional<WaitWords> waits;   // what they wait for, by the first of them
  std::size_t processes = 0;        // of how many processes they are
  std::size_t dumps = 1;            // in how many dumps
  bool has_guesses = false;         // some frame of the first is a guess
};

// What is unusual first: stacks that wait for locks, I/O or replies, the largest groups first; then
// those of which nothing is known or that run, the smallest first, for what only one thread does is
// worth a look; stacks that wait for work last. Stacks without frames are in no group.
std::vector<StackGroup> stack_groups(const std::vector<stacks::Stack>& stacks);

// Where a stack differs from the one that it is like.
struct FrameDifference {
  std::size_t at = 0;                // index in the model's frames
  std::vector<std::string> model;    // the model's frames there; may be empty
  std::vector<std::string> instead;  // what this one has instead; may be empty
};

// A group and those that are nearly like it.
struct SimilarStacks {
  struct Variant {
    std::size_t group = 0;  // index
    std::vector<FrameDifference> differences;
  };
  std::size_t model = 0;          // index of the largest group, which the others are compared with
  std::vector<Variant> variants;  // the largest first
  std::size_t stacks = 0;         // of all of them
};

// How many comparisons of frames a search may take, and took.
struct ComparisonWork {
  std::uint64_t most = 300'000'000;  // some seconds
  std::uint64_t done = 0;            // more than `most` by one pair of stacks at most
};
inline constexpr std::size_t kFramesToOneDifference = 6;
inline constexpr std::size_t kMostCompared = 4000;

// Groups are nearly alike where at most one frame in `kFramesToOneDifference` was put in, left out
// or is another, and where they wait for the same. In the groups' order. Compared are the first
// kMostCompared groups, the largest first and as long as that takes no more than `work.most`
// comparisons of frames; each other one stands for itself.
std::vector<SimilarStacks> similar_stacks(const std::vector<StackGroup>& groups,
                                          ComparisonWork& work);
std::vector<SimilarStacks> similar_stacks(const std::vector<StackGroup>& groups);

}  // namespace ntstack::analysis
