#include "target/offsets/probe_stack_fields.h"

namespace ntstack::target {
namespace {

constexpr std::size_t kLeastThreads = 3, kMostCandidates = 24;
constexpr std::uint64_t kPage = 0x1000, kMostStack = 0x100000, kMostAboveInitial = 0x4000;

using Threads = std::vector<ThreadObject>;
using OffsetList = std::vector<std::uint32_t>;

// What a thread that was switched out leaves at KernelStack: KSWITCH_FRAME.ReturnAddress.
std::uint32_t return_address_at(base::Architecture architecture) {
  return architecture == base::Architecture::x64 ? 0x38 : 8;
}

struct Pair {
  std::uint32_t limit = 0, base = 0;
};

struct StackFields {
  Pair pair;
  OffsetList initial, kernel;  // that fit
};

class StackProbe {
 public:
  StackProbe(const Evidence& evidence, const Threads& threads)
      : evidence_(evidence), threads_(threads) {}

  std::vector<Pair> pairs() const;
  StackFields fields(Pair pair) const;
  // How sure InitialStack is: what lies there (KSTACK_CONTROL: base and limit once more, since
  // Windows 8), or that a processor has the same for the thread that it runs.
  bool is_borne_out(Pair pair, std::uint32_t initial) const;
  std::optional<std::uint32_t> initial_of(const StackFields& found) const;
  OffsetList trap_frames(Pair pair) const;
  bool have_same_values(std::uint32_t a, std::uint32_t b) const {
    return std::ranges::all_of(
        threads_, [&](const ThreadObject& thread) { return value(thread, a) == value(thread, b); });
  }

 private:
  std::uint64_t value(const ThreadObject& thread, std::uint32_t at) const {
    return thread.pointer(at, evidence_.wide()).value_or(0);
  }
  template <class F>
  OffsetList fitting(F vote, std::size_t least = kLeastThreads) const {
    const std::uint32_t first = 8 + 2 * evidence_.word();
    return fitting_offsets(threads_, first, largest_thread(evidence_), evidence_.word(), least,
                           vote);
  }
  Vote returns_into_nt(const ThreadObject& thread, std::uint64_t kernel_stack) const;
  bool processor_has(const ThreadObject& thread, std::uint64_t wanted) const;
  Vote trap_frame_vote(std::uint64_t frame) const;

  const Evidence& evidence_;
  const Threads& threads_;
};

std::vector<Pair> StackProbe::pairs() const {
  const OffsetList aligned = fitting([&](const ThreadObject& thread, std::uint32_t at) {
    const std::uint64_t it = value(thread, at);
    return it % kPage == 0 && evidence_.is_kernel(it) ? Vote::yes : Vote::no;
  });
  std::vector<Pair> found;
  if (aligned.size() > kMostCandidates) return found;
  for (const std::uint32_t limit : aligned) {
    for (const std::uint32_t base : aligned) {
      Tally tally;
      for (const ThreadObject& thread : threads_) {
        const std::uint64_t size = value(thread, base) - value(thread, limit);
        tally.add(size >= kPage && size <= kMostStack ? Vote::yes : Vote::no);
      }
      if (tally.may_hold(threads_.size())) found.push_back({limit, base});
    }
  }
  return found;
}

Vote StackProbe::returns_into_nt(const ThreadObject& thread, std::uint64_t kernel_stack) const {
  if (thread.prcb != 0) return Vote::unsure;  // what is there is of its last switch
  const auto back =
      evidence_.pointer(kernel_stack + return_address_at(evidence_.start().architecture));
  if (!back) return Vote::unsure;  // paged out
  return evidence_.is_in_nt(*back) ? Vote::yes : Vote::no;
}

StackFields StackProbe::fields(Pair pair) const {
  StackFields found{pair, {}, {}};
  const auto in_stack = [&](const ThreadObject& thread, std::uint64_t it) {
    return it > value(thread, pair.limit) && it <= value(thread, pair.base) &&
           it % evidence_.word() == 0;
  };
  found.initial = fitting([&](const ThreadObject& thread, std::uint32_t at) {
    const std::uint64_t it = value(thread, at);
    if (at == pair.base || at == pair.limit) return Vote::no;
    const std::uint64_t size = value(thread, pair.base) - value(thread, pair.limit);
    const std::uint64_t most = std::min(kMostAboveInitial, size / 2);
    return in_stack(thread, it) && value(thread, pair.base) - it <= most ? Vote::yes : Vote::no;
  });
  found.kernel = fitting([&](const ThreadObject& thread, std::uint32_t at) {
    const std::uint64_t it = value(thread, at);
    return in_stack(thread, it) ? returns_into_nt(thread, it) : Vote::no;
  });
  // A thread that waits has used some of its stack.
  std::erase_if(found.initial, [&](std::uint32_t at) {
    return std::ranges::find(found.kernel, at) != found.kernel.end();
  });
  return found;
}

bool StackProbe::processor_has(const ThreadObject& thread, std::uint64_t wanted) const {
  if (thread.prcb == 0 || !evidence_.wide()) return false;
  const Object prcb = evidence_.read(thread.prcb, 0x100);
  for (std::uint32_t at = 0; at < 0x100; at += 8)
    if (prcb.pointer(at, true) == wanted) return true;
  return false;
}

bool StackProbe::is_borne_out(Pair pair, std::uint32_t initial) const {
  Tally control;
  std::size_t running = 0, agreeing = 0;
  for (const ThreadObject& thread : threads_) {
    const std::uint64_t at = value(thread, initial);
    const auto base = evidence_.pointer(at);
    if (base) control.add(*base == value(thread, pair.base) ? Vote::yes : Vote::no);
    running += thread.prcb != 0;
    agreeing += processor_has(thread, at);
  }
  return (control.yes >= kLeastThreads && control.may_hold(threads_.size())) ||
         (running != 0 && agreeing == running);
}

std::optional<std::uint32_t> StackProbe::initial_of(const StackFields& found) const {
  OffsetList sure;
  std::ranges::copy_if(found.initial, std::back_inserter(sure),
                       [&](std::uint32_t at) { return is_borne_out(found.pair, at); });
  return sure.empty() ? only(found.initial) : only(sure);
}

// A system call's or an exception's: its saved code segment (ARM64: PC) is user mode's. Those of
// exceptions in the kernel may lie above it.
Vote StackProbe::trap_frame_vote(std::uint64_t frame) const {
  const base::ByteSource& memory = evidence_.start().memory;
  if (evidence_.start().architecture == base::Architecture::arm64) {
    const auto pc = memory.get<std::uint64_t>(frame + 0x148);
    if (!pc || evidence_.is_in_image(*pc)) return Vote::unsure;
    return evidence_.is_user(*pc) ? Vote::yes : Vote::no;
  }
  const bool wide = evidence_.wide();
  const auto segment = memory.get<std::uint16_t>(frame + (wide ? 0x170 : 0x6c));
  if (!segment || *segment == (wide ? 0x10 : 8)) return Vote::unsure;
  return *segment == (wide ? 0x33 : 0x1b) || (wide && *segment == 0x23) ? Vote::yes : Vote::no;
}

OffsetList StackProbe::trap_frames(Pair pair) const {
  return fitting([&](const ThreadObject& thread, std::uint32_t at) {
    const std::uint64_t frame = value(thread, at);
    if (frame == 0) return Vote::unsure;  // has not come from user mode
    if (frame <= value(thread, pair.limit) || frame >= value(thread, pair.base)) return Vote::no;
    return trap_frame_vote(frame);
  });
}

// Before Windows Vista, InitialStack is StackBase, and either is the other's base. The InitialStack
// is the first of them in every Windows.
void drop_swapped_pairs(const StackProbe& probe, std::vector<StackFields>& found) {
  const std::vector<StackFields> all = found;
  std::erase_if(found, [&](const StackFields& fields) {
    return std::ranges::any_of(all, [&](const StackFields& other) {
      return other.pair.limit == fields.pair.limit && other.pair.base > fields.pair.base &&
             probe.have_same_values(other.pair.base, fields.pair.base);
    });
  });
}

void take(ProbedOffset& offset, const OffsetList& fitting, std::optional<std::uint32_t> value) {
  offset.was_tested = true;
  offset.fitting = fitting;
  offset.value = value;
}

}  // namespace

void probe_stack_fields(const Evidence& evidence, const std::vector<ThreadObject>& threads,
                        ProbedThreads& probed) {
  const StackProbe probe(evidence, threads);
  std::vector<StackFields> found;
  for (const Pair pair : probe.pairs()) {
    StackFields fields = probe.fields(pair);
    if (!fields.initial.empty() && !fields.kernel.empty()) found.push_back(std::move(fields));
  }
  drop_swapped_pairs(probe, found);
  // A shadow stack is a pair as well; its top does not say that it is a stack.
  if (found.size() > 1) {
    std::erase_if(found, [&](const StackFields& fields) {
      return std::ranges::none_of(
          fields.initial, [&](std::uint32_t at) { return probe.is_borne_out(fields.pair, at); });
    });
  }
  OffsetList limits, bases;
  for (const StackFields& fields : found) {
    limits.push_back(fields.pair.limit);
    bases.push_back(fields.pair.base);
  }
  take(probed.stack_limit, limits, only(limits));
  take(probed.stack_base, bases, only(bases));
  if (found.size() != 1) return;
  const StackFields& fields = found.front();
  take(probed.initial_stack, fields.initial, probe.initial_of(fields));
  take(probed.kernel_stack, fields.kernel, only(fields.kernel));
  const OffsetList frames = probe.trap_frames(fields.pair);
  take(probed.trap_frame, frames, only(frames));
}

}  // namespace ntstack::target
