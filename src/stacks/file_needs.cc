#include "stacks/file_needs.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>

namespace ntstack::stacks {
namespace {

using unwind::Trust;

class Gatherer {
 public:
  Gatherer(const SymbolizerOf& symbolizer_of, const IsHopeless& is_hopeless, bool up_to_first_guess)
      : symbolizer_of_(symbolizer_of),
        is_hopeless_(is_hopeless),
        up_to_first_guess_(up_to_first_guess) {}

  void add(const Stack& stack) {
    on_this_stack_.clear();
    for (const Frame& frame : stack.bugcheck_frames) count(stack, frame);
    const std::vector<Frame>& frames = stack.frames;
    for (std::size_t i = 0; i < frames.size(); ++i) {
      FileNeeds* needs = count(stack, frames[i]);
      if (!needs || frames[i].is_inline) continue;
      const Matters image = cost_of_image(stack, i), pdb = cost_of_pdb(stack, i);
      needs->image = std::max(needs->image, lacks_image(*needs) ? image : Matters::no);
      needs->pdb = std::max(needs->pdb, needs->lacking.pdb ? pdb : Matters::no);
      const bool may_change = (image == Matters::walk && may_be_had(needs->lacking.image)) ||
                              (pdb == Matters::walk && may_be_had(needs->lacking.pdb));
      if (up_to_first_guess_ && may_change) return;
    }
  }

  std::vector<FileNeeds> sorted() && {
    std::vector<FileNeeds> all;
    for (auto& [where, needs] : modules_) all.push_back(std::move(needs));
    std::ranges::stable_sort(all, [](const FileNeeds& a, const FileNeeds& b) {
      const auto rank = [](const FileNeeds& one) {
        return std::tuple(std::max(one.image, one.pdb), one.stacks, one.frames);
      };
      return rank(a) != rank(b) ? rank(a) > rank(b) : a.module.base < b.module.base;
    });
    return all;
  }

 private:
  static bool lacks_image(const FileNeeds& needs) { return needs.lacking.image.has_value(); }

  bool may_be_had(const std::optional<store::Wanted>& file) const {
    return file && !is_hopeless_(*file);
  }

  // The frame's module, with the frame counted; null where no module holds it.
  FileNeeds* count(const Stack& stack, const Frame& frame) {
    symbols::Symbolizer* symbolizer = symbolizer_of_(stack, frame);
    // A call that is the last instruction of its function belongs to it.
    const std::uint64_t address = frame.ip - (frame.is_call_site && frame.ip != 0 ? 1 : 0);
    const auto module = symbolizer ? symbolizer->module_at(address) : std::nullopt;
    if (!module) return nullptr;
    const auto [found, is_new] = modules_.try_emplace(std::pair(symbolizer, *module));
    FileNeeds& needs = found->second;
    if (is_new) {
      needs.module = symbolizer->modules()[*module];
      needs.short_name = symbolizer->short_name(*module);
      needs.lacking = symbolizer->lacking(*module);
    }
    if (needs.lacking.pdb) needs.pdb = std::max(needs.pdb, Matters::names);
    if (needs.lacking.image && needs.lacking.pdb_is_unknown)
      needs.image = std::max(needs.image, Matters::names);
    if (frame.is_inline) return &needs;
    ++needs.frames;
    if (frame.trust == Trust::scan) ++needs.guessed_frames;
    if (on_this_stack_.insert(&needs).second) ++needs.stacks;
    return &needs;
  }

  // The next frame that is none of an inlined function; null behind the last.
  static const Frame* caller_of(const Stack& stack, std::size_t frame) {
    while (++frame < stack.frames.size())
      if (!stack.frames[frame].is_inline) return &stack.frames[frame];
    return nullptr;
  }

  static bool is_lost_behind(const Stack& stack, std::size_t frame) {
    return !caller_of(stack, frame) && stack.end == End::lost;
  }

  static bool is_x86(const Frame& frame) { return frame.child_ebp.has_value() || frame.is_wow64; }

  static Matters cost_of_image(const Stack& stack, std::size_t frame) {
    const Frame* caller = caller_of(stack, frame);
    if (is_lost_behind(stack, frame)) return Matters::walk;
    if (!caller) return Matters::no;
    // Elsewhere than on x86 frame pointers are what is left without unwind data.
    const bool is_second_best =
        caller->trust == Trust::frame_pointer && !is_x86(stack.frames[frame]);
    return caller->trust == Trust::scan || is_second_best ? Matters::walk : Matters::no;
  }

  // x86 has its unwind data in the PDB.
  static Matters cost_of_pdb(const Stack& stack, std::size_t frame) {
    if (!is_x86(stack.frames[frame])) return Matters::no;
    if (is_lost_behind(stack, frame)) return Matters::walk;
    const Frame* caller = caller_of(stack, frame);
    const bool is_second_best =
        caller && (caller->trust == Trust::scan || caller->trust == Trust::frame_pointer ||
                   caller->trust == Trust::code);
    return is_second_best ? Matters::walk : Matters::no;
  }

  const SymbolizerOf& symbolizer_of_;
  const IsHopeless& is_hopeless_;
  bool up_to_first_guess_;
  std::map<std::pair<const symbols::Symbolizer*, std::size_t>, FileNeeds> modules_;
  std::set<const FileNeeds*> on_this_stack_;
};

}  // namespace

std::string_view name_of(Matters matters) {
  switch (matters) {
    case Matters::no:
      return "no";
    case Matters::names:
      return "names";
    case Matters::walk:
      return "walk";
  }
  return "no";
}

std::vector<FileNeeds> file_needs(const std::vector<Stack>& stacks,
                                  const SymbolizerOf& symbolizer_of, const IsHopeless& is_hopeless,
                                  bool up_to_first_guess) {
  Gatherer gatherer(symbolizer_of, is_hopeless, up_to_first_guess);
  for (const Stack& stack : stacks) gatherer.add(stack);
  return std::move(gatherer).sorted();
}

std::vector<store::Wanted> files_of(const std::vector<FileNeeds>& needs,
                                    const IsHopeless& is_hopeless) {
  std::vector<store::Wanted> files;
  std::set<std::string> known;
  const auto add = [&](const std::optional<store::Wanted>& file) {
    if (!file || is_hopeless(*file)) return;
    if (known.insert(store::answer_key(store::name_of(*file), store::key_of(*file))).second)
      files.push_back(*file);
  };
  for (const Matters matters : {Matters::walk, Matters::names}) {
    for (const FileNeeds& one : needs) {
      if (one.image == matters) add(one.lacking.image);
      if (one.pdb == matters) add(one.lacking.pdb);
    }
  }
  return files;
}

}  // namespace ntstack::stacks
