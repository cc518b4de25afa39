#include "target/offsets/probe_processor.h"

namespace ntstack::target {
namespace {

constexpr std::size_t kMostProcessors = 64;
constexpr std::uint32_t kHead = 0x100, kLargest = 0x10000;

using Prcbs = std::vector<Object>;

Prcbs read_prcbs(const Evidence& evidence, std::size_t most, std::size_t size) {
  Prcbs prcbs;
  for (const std::uint64_t prcb : evidence.start().prcbs) {
    if (prcbs.size() == most) break;
    if (evidence.is_kernel(prcb)) prcbs.push_back(evidence.read(prcb, size));
  }
  return prcbs;
}

// A CONTEXT of a processor that ran in the kernel: its flags are the architecture's and ask for
// control and integer registers, and its instruction lies in an image. WDK headers.
Vote is_context(const Evidence& evidence, std::uint64_t address) {
  struct Layout {
    std::uint32_t flags, mark, ip, sp;
  };
  const Layout layout = evidence.start().architecture == base::Architecture::x64
                            ? Layout{0x30, 0x100000, 0xf8, 0x98}
                        : evidence.start().architecture == base::Architecture::x86
                            ? Layout{0, 0x10000, 0xb8, 0xc4}
                            : Layout{0, 0x400000, 0x108, 0x100};
  const auto flags = evidence.start().memory.get<std::uint32_t>(address + layout.flags);
  if (flags == 0) return Vote::unsure;  // nothing was saved
  if (!flags || (*flags & 0xff0000) != layout.mark || (*flags & 3) != 3) return Vote::no;
  const auto ip = evidence.pointer(address + layout.ip), sp = evidence.pointer(address + layout.sp);
  const bool fits = ip && sp && evidence.is_kernel(*sp) && evidence.is_in_image(*ip);
  return fits ? Vote::yes : Vote::no;
}

void take(ProbedOffset& offset, std::vector<std::uint32_t> fitting) {
  offset.was_tested = !fitting.empty();  // a processor may have saved nothing
  offset.value = only(fitting);
  offset.fitting = std::move(fitting);
}

// In the PRCB itself (KPROCESSOR_STATE), where no pointer leads to it.
void probe_context(const Evidence& evidence, ProbedProcessors& probed) {
  const Prcbs prcbs = read_prcbs(evidence, 4, kLargest);
  if (prcbs.empty()) return;
  const std::size_t least = (prcbs.size() + 1) / 2;
  const auto pointed = [&](const Object& prcb, std::uint32_t at) {
    const auto context = prcb.pointer(at, evidence.wide());
    const bool may_be = context && evidence.is_kernel(*context) && *context % 8 == 0;
    return may_be ? is_context(evidence, *context) : Vote::no;
  };
  take(probed.context, fitting_offsets(prcbs, 0, kLargest, evidence.word(), least, pointed));
  if (!probed.context.fitting.empty()) return;
  const auto inside = [&](const Object& prcb, std::uint32_t at) {
    return is_context(evidence, prcb.address + at);
  };
  take(probed.processor_state, fitting_offsets(prcbs, 0, 0x800, 4, least, inside));
}

// x64: RspBase is the current thread's InitialStack.
void probe_rsp_base(const Evidence& evidence, std::uint32_t initial_stack,
                    ProbedProcessors& probed) {
  const Prcbs prcbs = read_prcbs(evidence, kMostProcessors, kHead);
  const auto has = [&](const Object& prcb, std::uint32_t at) {
    const auto thread = prcb.pointer(*probed.current_thread.value, true);
    const auto initial = thread ? evidence.pointer(*thread + initial_stack) : std::nullopt;
    if (!initial) return Vote::unsure;
    return prcb.pointer(at, true) == initial ? Vote::yes : Vote::no;
  };
  take(probed.rsp_base, fitting_offsets(prcbs, 0, kHead, 8, 1, has));
}

}  // namespace

// The public headers read CurrentThread from the same place on every Windows (KeGetCurrentThread);
// NextThread and IdleThread follow it.
ProbedProcessors probe_running_threads(const Evidence& evidence) {
  ProbedProcessors probed;
  const Prcbs prcbs = read_prcbs(evidence, kMostProcessors, kHead);
  if (prcbs.empty()) return probed;
  const auto is_thread = [&](const Object& prcb, std::uint32_t at) {
    const auto thread = prcb.pointer(at, evidence.wide());
    return thread && evidence.has_type(*thread, kThreadType) ? Vote::yes : Vote::no;
  };
  const std::vector<std::uint32_t> threads =
      fitting_offsets(prcbs, 0, kHead, evidence.word(), 1, is_thread);
  if (threads.empty()) return probed;
  probed.current_thread.was_tested = probed.idle_thread.was_tested = true;
  probed.current_thread.fitting = probed.idle_thread.fitting = threads;
  const std::uint32_t word = evidence.word();
  const auto has = [&](std::uint32_t at) { return std::ranges::binary_search(threads, at); };
  if (has(word)) {
    probed.current_thread.value = word;
    if (has(3 * word)) probed.idle_thread.value = 3 * word;
  } else if (threads.size() == 2) {
    probed.current_thread.value = threads.front();
    probed.idle_thread.value = threads.back();
  }
  return probed;
}

void probe_processor_fields(const Evidence& evidence, std::optional<std::uint32_t> initial_stack,
                            ProbedProcessors& probed) {
  const bool is_x64 = evidence.start().architecture == base::Architecture::x64;
  if (is_x64 && initial_stack && probed.current_thread.value)
    probe_rsp_base(evidence, *initial_stack, probed);
  probe_context(evidence, probed);
}

}  // namespace ntstack::target
