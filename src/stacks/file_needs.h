// Which image and PDB files stacks lack, and whether it matters: for want of one a stack may be a
// guess, or only be without names.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "stacks/stack.h"
#include "symbols/symbolizer.h"

namespace ntstack::stacks {

// What a missing file costs the stacks.
enum class Matters : std::uint8_t {
  no,     // nothing
  names,  // functions and lines of its frames
  walk    // frames behind its own are guesses, or are not found at all
};
std::string_view name_of(Matters matters);  // "no", "names", "walk"

// A module on the stacks.
struct FileNeeds {
  symbols::ModuleKey module;
  std::string short_name;
  symbols::Lacking lacking;
  Matters image = Matters::no;
  Matters pdb = Matters::no;
  std::size_t frames = 0, stacks = 0;  // that it is on
  std::size_t guessed_frames = 0;      // of these
};

// The symbolizer that knows a frame's images; null: none.
using SymbolizerOf = std::function<symbols::Symbolizer*(const Stack&, const Frame&)>;
// True for a file that is known not to be had.
using IsHopeless = std::function<bool(const store::Wanted&)>;

// Every module on the stacks. Behind a frame whose caller was guessed for want of a file that may
// still be had, frames count for nothing with `up_to_first_guess`: the file may show that they
// never were. Sorted: what stops walks first, then by the number of stacks and frames.
std::vector<FileNeeds> file_needs(const std::vector<Stack>& stacks,
                                  const SymbolizerOf& symbolizer_of, const IsHopeless& is_hopeless,
                                  bool up_to_first_guess);

// The files of these, in the order of their need; those that are hopeless or matter not are left
// out.
std::vector<store::Wanted> files_of(const std::vector<FileNeeds>& needs,
                                    const IsHopeless& is_hopeless);

}  // namespace ntstack::stacks
