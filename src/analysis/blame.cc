#include "analysis/blame.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "base/text.h"

namespace ntstack::analysis {
namespace {

using stacks::Frame;
using unwind::Trust;

// Public codes by which the hardware itself speaks.
constexpr std::uint32_t kOfHardware[] = {0x9C, 0x124, 0xFB};
// Those that find damage which somebody else did before: whoever finds it is a victim.
constexpr std::uint32_t kOfVictims[] = {0x19, 0x1A,  0x4E,  0xC5,  0xD0,
                                        0xDE, 0x109, 0x127, 0x13A, 0x1C7};

bool is_of_a_victim(const CrashFacts& facts) {
  if (facts.code == 0x139)  // a damaged list or tree; a cookie is of the function that checks it
    return facts.first_parameter == 3 || facts.first_parameter == 0x1d;
  return std::ranges::find(kOfVictims, facts.code) != std::end(kOfVictims);
}

std::string file_of(const std::string& short_name, const symbols::Symbolizer* symbolizer) {
  for (std::size_t i = 0; symbolizer && i < symbolizer->modules().size(); ++i)
    if (symbolizer->short_name(i) == short_name) return symbolizer->modules()[i].name;
  return short_name;
}

std::string site_of(const Frame& frame, bool is_64_bit) {
  const std::string text = frame.symbol.text();
  return text.empty() ? base::address_text(frame.ip, is_64_bit) : text;
}

// The search along one stack.
class Blaming {
 public:
  Blaming(const CrashFacts& facts, const symbols::Symbolizer* symbolizer)
      : facts_(facts), symbolizer_(symbolizer) {}

  Blame run() {
    if (facts_.stack) look_along();
    if (std::ranges::find(kOfHardware, facts_.code) != std::end(kOfHardware)) {
      blame_hardware();
    } else if (!facts_.process.empty()) {
      blame_process();
    } else if (!take_anybody()) {
      blame_kernel();
    }
    weigh_damage();
    return std::move(blame_);
  }

 private:
  // What the bugcheck names for certain counts more than a driver on the stack that only guesses
  // lead to.
  bool take_anybody() {
    if (take_parameter(Passed::no)) return true;
    const bool is_guess = driver_ && is_guessed_to(*driver_);
    if (!is_guess && take_frame(driver_)) return true;
    return take_parameter(Passed::windows) || take_parameter(Passed::framework) ||
           take_frame(driver_) || take_frame(windows_) || take_frame(framework_);
  }

  bool is_guessed_to(std::size_t frame) const {
    const auto begin = facts_.stack->frames.begin();
    return std::any_of(begin, begin + static_cast<std::ptrdiff_t>(frame) + 1,
                       [](const Frame& each) { return each.trust == Trust::scan; });
  }

  bool is_of_interest(const Frame& frame) const { return facts_.is_user_dump || !frame.is_user; }

  // What was interrupted has nothing to do with what the interrupt did; but a watchdog speaks by an
  // interrupt of what took too long.
  bool is_over_at_interrupt() {
    const bool is_watchdog = facts_.code == 0x133 || facts_.code == 0x101 || facts_.code == 0x1CA;
    return !is_watchdog || interrupts_++ > 0;
  }

  void look_along() {
    const auto& frames = facts_.stack->frames;
    for (std::size_t i = 0; i < frames.size() && is_of_interest(frames[i]); ++i) {
      const PassedOver passed = passed_over(frames[i]);
      if (frames[i].symbol.module.empty()) {
        if (!nowhere_) nowhere_ = i;
        continue;
      }
      if (passed.as == Passed::no) {
        driver_ = i;
        break;
      }
      if (passed.is_interrupted_below && is_over_at_interrupt()) break;
      if (passed.as == Passed::windows && !windows_) windows_ = i;
      if (passed.as == Passed::framework && !framework_) framework_ = i;
      if (!kernel_ && passed.as == Passed::kernel) kernel_ = i;
      seen_.push_back({i, site_of(frames[i], facts_.is_64_bit), passed});
    }
  }

  std::optional<std::size_t> frame_at(std::uint64_t address) const {
    if (!facts_.stack) return {};
    const auto& frames = facts_.stack->frames;
    const auto found = std::ranges::find_if(frames, [&](const Frame& each) {
      return each.ip == address && !each.is_inline && each.trust != Trust::scan;
    });
    if (found == frames.end()) return {};
    return static_cast<std::size_t>(found - frames.begin());
  }

  void keep_skipped_before(std::size_t frame) {
    for (const SkippedFrame& each : seen_)
      if (each.frame < frame) blame_.skipped.push_back(each);
  }

  bool take_parameter(Passed as) {
    for (const NamedByParameter& named : facts_.named) {
      const Passed is = named.is_unloaded ? Passed::no : passed_over(named.short_name, false).as;
      if (is != as) continue;
      blame_.by = Blame::By::parameter;
      blame_.module = named.module;
      blame_.short_name = named.short_name;
      blame_.is_unloaded = named.is_unloaded;
      blame_.parameter = named.parameter;
      blame_.address = named.address;
      blame_.reason = named.reason;
      blame_.frame = frame_at(named.address);
      if (blame_.frame) {
        blame_.symbol = site_of(facts_.stack->frames[*blame_.frame], facts_.is_64_bit);
        keep_skipped_before(*blame_.frame);
      }
      const bool is_sure = as == Passed::no && named.is_certain;
      blame_.confidence = is_sure ? Confidence::high : Confidence::medium;
      blame_.because =
          is_sure ? "the bugcheck itself names it"
          : as == Passed::no
              ? "what this parameter is depends on the kind of violation, but it lies in the driver"
              : "it comes with Windows, and may have been given bad data by another driver";
      return true;
    }
    return false;
  }

  bool take_frame(std::optional<std::size_t> frame) {
    if (!frame) return false;
    const Frame& at = facts_.stack->frames[*frame];
    blame_.by = Blame::By::frame;
    blame_.short_name = at.symbol.module;
    blame_.module = file_of(at.symbol.module, symbolizer_);
    blame_.frame = frame;
    blame_.address = at.ip;
    blame_.symbol = site_of(at, facts_.is_64_bit);
    keep_skipped_before(*frame);
    const bool is_own = passed_over(at).as != Passed::no;
    const bool is_first = blame_.skipped.empty();
    if (is_first)
      blame_.reason = "it happened in its code: it is the youngest frame of the stack";
    else if (is_own)
      blame_.reason = fmt::format(
          "no driver of others is on the stack; of Windows' own this one is nearest to where it "
          "happened, {} frame{} above passed over",
          blame_.skipped.size(), blame_.skipped.size() == 1 ? "" : "s");
    else
      blame_.reason = fmt::format(
          "it is the first on the stack whose name is not one of Windows' own; {} frame{} above {} "
          "passed over",
          blame_.skipped.size(), blame_.skipped.size() == 1 ? "" : "s",
          blame_.skipped.size() == 1 ? "was" : "were");
    if (facts_.is_user_dump && is_own && !is_first)
      blame_.reason = "no module of others is on the stack; it is the youngest of Windows' own";
    weigh_frame(is_own, is_first);
    return true;
  }

  void weigh_frame(bool is_own, bool is_first) {
    const bool has_windows = std::ranges::any_of(
        blame_.skipped, [](const auto& each) { return each.passed.as == Passed::windows; });
    const auto is_kernel = [](const auto& each) { return each.passed.as != Passed::machinery; };
    const bool is_direct = std::ranges::none_of(blame_.skipped, is_kernel);
    if (is_own) {
      blame_.confidence = is_first ? Confidence::medium : Confidence::low;
      blame_.because = "it comes with Windows, and may have been given bad data by another driver";
    } else if (has_windows) {
      blame_.confidence = Confidence::low;
      blame_.because = "drivers of Windows' own are between it and where it happened";
    } else if (is_direct) {
      blame_.confidence = Confidence::high;
      blame_.because =
          is_first ? "nothing was passed over" : "only the crash's own machinery was passed over";
    } else {
      blame_.confidence = Confidence::medium;
      blame_.because =
          "it happened in code of Windows that works for it: with what it was given, "
          "as a rule, or with what others damaged";
    }
    weigh_trust();
  }

  // Frames that are guesses, down to the blamed one.
  void weigh_trust() {
    const auto& frames = facts_.stack->frames;
    const auto end = frames.begin() + static_cast<std::ptrdiff_t>(*blame_.frame) + 1;
    const auto is_rebuilt = [](const Frame& each) { return each.trust == Trust::reconstructed; };
    if (is_guessed_to(*blame_.frame)) {
      blame_.confidence = Confidence::low;
      blame_.because += "; frames down to it are guesses, found by a scan of the stack";
    } else if (std::any_of(frames.begin(), end, is_rebuilt)) {
      blame_.confidence = at_most(blame_.confidence, Confidence::medium);
      blame_.because += "; frames down to it were rebuilt, and may be of an earlier call";
    }
  }

  void blame_hardware() {
    blame_.by = Blame::By::hardware;
    blame_.reason = "the bugcheck is the hardware's own report; no code on the stack caused it";
    blame_.confidence = Confidence::medium;
    blame_.because =
        "processor, memory, bus or device, or their settings; the error record tells "
        "which";
    blame_.skipped = seen_;
  }

  void blame_process() {
    blame_.by = Blame::By::process;
    blame_.reason = fmt::format("the process {} ended", base::printable(facts_.process));
    blame_.confidence = Confidence::medium;
    blame_.because = "the process failed or was ended: by whom only its own dump or log tells";
    blame_.skipped = seen_;
  }

  void blame_kernel() {
    blame_.skipped = seen_;
    if (nowhere_ && *nowhere_ <= (kernel_ ? *kernel_ : SIZE_MAX)) {
      const Frame& at = facts_.stack->frames[*nowhere_];
      blame_.frame = nowhere_;
      blame_.address = at.ip;
      blame_.symbol = site_of(at, facts_.is_64_bit);
      blame_.reason =
          "the code lies in no module that the dump lists: a wild jump, code that was "
          "never an image, or an unloaded driver";
      blame_.because = "whose code it is nothing tells";
      return;
    }
    if (seen_.empty()) {
      blame_.reason = "the dump has no stack for it";
      blame_.because = "nothing names anybody";
      return;
    }
    blame_.by = facts_.is_user_dump ? Blame::By::nobody : Blame::By::kernel;
    const auto& frames = facts_.stack->frames;
    const std::size_t chosen = kernel_.value_or(seen_.front().frame);
    blame_.frame = chosen;
    blame_.address = frames[chosen].ip;
    blame_.symbol = site_of(frames[chosen], facts_.is_64_bit);
    blame_.short_name = frames[chosen].symbol.module;
    blame_.module = file_of(blame_.short_name, symbolizer_);
    blame_.reason = "every frame is of Windows' kernel";
    blame_.because =
        "the kernel is seldom at fault itself: memory, hardware, or a driver that is "
        "no longer on the stack";
    if (facts_.is_user_dump) {
      blame_.reason = "every frame is of Windows' own lowest layer";
      blame_.because = "whoever called it is not on the stack";
    }
  }

  void weigh_damage() {
    if (blame_.by == Blame::By::hardware || !is_of_a_victim(facts_) || blame_.module.empty())
      return;
    blame_.confidence = one_less(blame_.confidence);
    blame_.because +=
        "; this bugcheck finds damage that was done before: who finds it may be the "
        "victim alone";
  }

  const CrashFacts& facts_;
  const symbols::Symbolizer* symbolizer_;
  Blame blame_;
  std::vector<SkippedFrame> seen_;
  int interrupts_ = 0;
  std::optional<std::size_t> driver_, windows_, framework_, kernel_, nowhere_;
};

}  // namespace

std::string_view name_of(Blame::By by) {
  switch (by) {
    case Blame::By::parameter:
      return "parameter";
    case Blame::By::frame:
      return "frame";
    case Blame::By::stack:
      return "stack";
    case Blame::By::kernel:
      return "kernel";
    case Blame::By::hardware:
      return "hardware";
    case Blame::By::process:
      return "process";
    case Blame::By::nobody:
      break;
  }
  return "nobody";
}

Blame blame_of(const CrashFacts& facts, const symbols::Symbolizer* symbolizer) {
  return Blaming(facts, symbolizer).run();
}

}  // namespace ntstack::analysis
