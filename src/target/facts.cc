#include "target/facts.h"

#include "target/structures.h"

namespace ntstack::target {
namespace {

// FILETIMEs of 1980 and of 2200.
constexpr std::uint64_t kEarliest = 119'600'064'000'000'000, kLatest = 189'025'920'000'000'000;
constexpr std::uint8_t kHighestPriority = 31;
constexpr std::uint64_t kPage = 0x1000;  // below are flags alone
constexpr std::uint32_t kMostThreads = 0x100000, kMostSessions = 0x100000;
constexpr std::uint8_t kStateTerminated = 4, kStateWaiting = 5, kStateTransition = 6,
                       kStateCaptured = 0xff;
// CrossThreadFlags.Terminated; EPROCESS.Flags' ProcessExiting and ProcessDelete.
constexpr std::uint32_t kThreadTerminated = 1, kProcessExiting = 0xc;
constexpr std::uint32_t kShiftedTimes = 2600;  // Windows XP keeps CreateTime shifted left by 3

// The fields of one object.
class Reader {
 public:
  Reader(const Machine& machine, std::uint64_t object)
      : machine_(machine),
        layout_{machine.offsets(), machine.dump().architecture, machine.kernel().build()},
        object_(object) {}

  const base::ByteSource& memory() const { return machine_.memory(); }
  std::optional<std::uint64_t> pointer(Field field) const {
    return layout_.pointer(memory(), object_, field);
  }
  template <class T>
  std::optional<T> value(Field field) const {
    const auto at = layout_.offsets[field];
    return at ? memory().get<T>(object_ + *at) : std::nullopt;
  }
  std::optional<std::uint64_t> time(Field field, unsigned shift = 0) const {
    const auto read = value<std::uint64_t>(field);
    if (!read) return std::nullopt;
    const std::uint64_t time = *read >> shift;
    return time >= kEarliest && time < kLatest ? std::optional(time) : std::nullopt;
  }
  std::optional<std::uint8_t> priority(Field field) const {
    const auto read = is_of_this_build(field) ? value<std::uint8_t>(field) : std::nullopt;
    return read && *read <= kHighestPriority ? read : std::nullopt;
  }
  // A number that is at most `most`.
  std::optional<std::uint32_t> number(Field field, std::uint32_t most) const {
    const auto read = known(field);
    return read && *read <= most ? read : std::nullopt;
  }
  // A number that any value can be: only from where the offset is this build's.
  std::optional<std::uint32_t> known(Field field) const {
    return is_of_this_build(field) ? value<std::uint32_t>(field) : std::nullopt;
  }
  bool is_of_this_build(Field field) const {
    return layout_.offsets.source(field) != OffsetSource::nearest_table;
  }
  bool is_kernel_address(std::uint64_t address) const {
    return layout_.is_64_bit() ? address >> 63 != 0 : address >= 0x8000'0000;
  }

 private:
  const Machine& machine_;
  Layout layout_;
  std::uint64_t object_;
};

// Where EPROCESS.Session points to: unknown for System and others without a session.
std::optional<std::uint32_t> session_of(const Machine& machine, const Reader& process) {
  const auto session = process.pointer(Field::eprocess_session);
  if (!session || !process.is_of_this_build(Field::eprocess_session) ||
      !process.is_kernel_address(*session))
    return std::nullopt;
  const auto id = Reader(machine, *session).value<std::uint32_t>(Field::session_id);
  return id && *id <= kMostSessions ? id : std::nullopt;
}

void read_wow64(const Reader& process, ProcessFacts& facts) {
  const auto wow64 = process.pointer(Field::eprocess_wow64_process);
  if (!wow64 || *wow64 == 0 || !process.is_of_this_build(Field::eprocess_wow64_process)) return;
  std::optional<std::uint64_t> peb = wow64;
  if (process.is_kernel_address(*wow64)) {
    // EWOW64PROCESS of Windows 10 1511 and later, WOW64_PROCESS of Server 2003: the PEB32's address
    // is what both begin with. Between them, the field was that address itself.
    peb = process.memory().get<std::uint64_t>(*wow64);
    facts.is_wow64 = !peb || (*peb != 0 && *peb <= UINT32_MAX);
  } else {
    facts.is_wow64 = *wow64 <= UINT32_MAX;
  }
  if (facts.is_wow64 && peb && *peb <= UINT32_MAX) facts.wow64_peb = peb;
}

std::optional<bool> flag_of(const Machine& machine, const Thread& thread, Field field) {
  const Reader reader(machine, thread.address);
  if (!reader.is_of_this_build(field)) return std::nullopt;
  const auto byte = reader.value<std::uint8_t>(field);
  if (!byte) return std::nullopt;
  const auto bit = machine.offsets().bit(field);
  return bit ? (*byte >> *bit & 1) != 0 : *byte != 0;
}

}  // namespace

bool is_terminated(const Thread& thread) { return thread.state == kStateTerminated; }

bool is_waiting(const Thread& thread) {
  return thread.state == kStateWaiting || thread.state == kStateCaptured;
}

std::optional<bool> is_stack_resident(const Machine& machine, const Thread& thread) {
  if (thread.address == 0) return std::nullopt;
  if (thread.state == kStateTransition) return false;
  return flag_of(machine, thread, Field::kthread_kernel_stack_resident);
}

std::optional<bool> has_large_stack(const Machine& machine, const Thread& thread) {
  if (thread.address == 0) return std::nullopt;
  return flag_of(machine, thread, Field::kthread_large_stack);
}

ThreadFacts read_thread_facts(const Machine& machine, const Thread& thread) {
  ThreadFacts facts;
  facts.start_address = thread.start_address;
  if (thread.address == 0) return facts;
  const Reader reader(machine, thread.address);
  facts.create_time =
      reader.time(Field::ethread_create_time, machine.kernel().build() == kShiftedTimes ? 3 : 0);
  if (const auto flags = reader.known(Field::ethread_cross_thread_flags))
    facts.is_exiting = (*flags & kThreadTerminated) != 0;
  // A thread that goes on has the links of a list there.
  if (is_terminated(thread) || facts.is_exiting.value_or(false))
    facts.exit_time = reader.time(Field::ethread_exit_time);
  facts.kernel_ticks = reader.known(Field::kthread_kernel_time);
  facts.user_ticks = reader.known(Field::kthread_user_time);
  facts.wait_start = reader.known(Field::kthread_wait_time);
  facts.context_switches = reader.known(Field::kthread_context_switches);
  facts.priority = reader.priority(Field::kthread_priority);
  facts.base_priority = reader.priority(Field::kthread_base_priority);
  if (reader.is_of_this_build(Field::ethread_win32_start_address))
    facts.win32_start_address = reader.pointer(Field::ethread_win32_start_address);
  return facts;
}

ProcessFacts read_process_facts(const Machine& machine, const Process& process) {
  ProcessFacts facts;
  if (process.address == 0) return facts;
  const Reader reader(machine, process.address);
  facts.create_time = reader.time(Field::eprocess_create_time);
  facts.exit_time = reader.time(Field::eprocess_exit_time);
  facts.active_threads = reader.number(Field::eprocess_active_threads, kMostThreads);
  facts.session_id = session_of(machine, reader);
  if (const auto flags = reader.known(Field::eprocess_flags))
    facts.is_exiting = (*flags & kProcessExiting) != 0;
  if (reader.is_of_this_build(Field::kprocess_user_directory_table_base)) {
    const auto base = reader.pointer(Field::kprocess_user_directory_table_base);
    if (base && *base >= kPage) facts.user_directory_table_base = base;
  }
  read_wow64(reader, facts);
  return facts;
}

Clock read_clock(const Machine& machine) {
  constexpr std::uint32_t kMultiplier = 4, kTickCount = 0x320;
  constexpr std::uint32_t kHasTickCount = 3790;  // before, TickCountLow alone, at 0
  constexpr std::uint64_t kShortest = 1'000, kLongest = 1'000'000;  // 100 ns
  const std::uint64_t shared = machine.is_64_bit() ? 0xffff'f780'0000'0000 : 0xffdf'0000;
  Clock clock;
  if (machine.dump().kind == dump::Kind::minidump) return clock;
  const auto multiplier = machine.memory().get<std::uint32_t>(shared + kMultiplier);
  if (!multiplier) return clock;
  // Milliseconds in a tick, as a fraction of 2 to the 24th.
  const std::uint64_t length = (std::uint64_t{*multiplier} * 10'000 + (1 << 23)) >> 24;
  if (length < kShortest || length > kLongest) return clock;  // the page is something else
  clock.tick_length = static_cast<std::uint32_t>(length);
  clock.ticks = machine.memory().get<std::uint32_t>(
      shared + (machine.kernel().build() >= kHasTickCount ? kTickCount : 0));
  return clock;
}

}  // namespace ntstack::target
