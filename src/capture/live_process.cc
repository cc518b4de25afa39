#include "capture/live_process.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/text.h"
#include "capture/debug_privilege.h"
#include "dump/header.h"
#include "pe/image.h"
#include "stacks/registers.h"
#include "target/user_process.h"
#include "target/wow64.h"

namespace ntstack::capture {
namespace {

// Access rights (winnt.h).
constexpr std::uint32_t kProcessRead = 0x0410;     // PROCESS_QUERY_INFORMATION, PROCESS_VM_READ
constexpr std::uint32_t kThreadSuspend = 0x004a;   // and THREAD_GET_CONTEXT, QUERY_INFORMATION
constexpr std::uint32_t kSetInformation = 0x0020;  // what a suspension that ends by itself wants

constexpr std::size_t kMostStack = std::size_t{1} << 20;    // bytes copied of one stack
constexpr std::size_t kMostStacks = std::size_t{1} << 29;   // of all
constexpr std::size_t kMostModules = std::size_t{1} << 14;  // more than any process has
constexpr std::size_t kMostToldThreads = 20;

std::string reason_of(Status status) {
  switch (status) {
    case kAccessDenied:
      return "access was denied";
    case kInvalidCid:
    case kThreadIsTerminating:
      return "it has ended";
    default:
      return fmt::format("the system said {:#x}", status);
  }
}

// A thread that is suspended as long as one lives.
class Suspended {
 public:
  Suspended(System& system, Handle thread, Status& resumed)
      : system_(system),
        thread_(thread),
        resumed_(resumed),
        status_(system.suspend_thread(thread)) {}
  ~Suspended() {
    if (succeeded(status_)) resumed_ = system_.resume_thread(thread_);
  }
  Suspended(const Suspended&) = delete;
  Suspended& operator=(const Suspended&) = delete;
  Status status() const { return status_; }

 private:
  System& system_;
  Handle thread_;
  Status& resumed_;
  Status status_;
};

std::uint32_t machine_number(base::Architecture architecture) {
  switch (architecture) {
    case base::Architecture::x86:
      return 0x14c;
    case base::Architecture::x64:
      return 0x8664;
    case base::Architecture::arm64:
      return 0xaa64;
    case base::Architecture::unknown:
      break;
  }
  return 0;
}

// The key of a module, from its headers in memory; and whose code it is.
base::Architecture read_headers(const base::ByteSource& memory, dump::ModuleRecord& module) {
  const auto image = pe::Image::from_memory(memory, module.base);
  if (!image) return base::Architecture::unknown;
  module.timestamp = image->timestamp();
  module.checksum = image->checksum();
  if (const auto code_view = image->codeview()) {
    module.pdb_guid = code_view->guid;
    module.pdb_age = code_view->age;
    module.pdb_name = code_view->pdb_path;
  }
  return image->architecture();
}

}  // namespace

class LiveProcess::Taking {
 public:
  Taking(System& system, LiveProcess& to)
      : system_(system), to_(to), memory_(system, to.process_.get()) {}

  base::Result<void> take_threads(const std::atomic<bool>* stop);
  void take_modules();

 private:
  // Why not, where it could not be read.
  std::optional<std::string> take_thread(const ThreadFacts& facts);
  Status copy_suspended(Handle thread, ThreadCopy& copy);
  void copy_stack(ThreadCopy& copy);
  void copy_wow64_stack(ThreadCopy& copy);
  ThreadCopy::Piece copy_of(std::uint64_t sp, std::uint64_t end);
  std::uint64_t stack_end(std::uint64_t sp, std::uint64_t teb);
  std::expected<Owned, Status> open(std::uint32_t id);
  void tell_failures();

  System& system_;
  LiveProcess& to_;
  DirectMemory memory_;
  bool is_wow64_ = false;
  std::size_t stack_bytes_ = 0, uncopied_ = 0, cut_ = 0;
  std::vector<std::pair<std::uint32_t, std::string>> failures_;  // by thread ID
};

std::expected<Owned, Status> LiveProcess::Taking::open(std::uint32_t id) {
  auto thread = system_.open_thread(id, kThreadSuspend | kSetInformation);
  if (!thread && thread.error() == kAccessDenied) thread = system_.open_thread(id, kThreadSuspend);
  if (!thread) return std::unexpected(thread.error());
  return Owned(system_, *thread);
}

// Where the stack that `sp` points into ends: by the TEB, else by the region of memory.
std::uint64_t LiveProcess::Taking::stack_end(std::uint64_t sp, std::uint64_t teb) {
  const bool is_64_bit = base::is_64_bit(to_.machine_.architecture);
  if (teb != 0) {
    const auto stack = target::read_user_stack(memory_, teb, is_64_bit);
    if (stack && stack->contains(sp)) return stack->base;
  }
  const auto region = system_.region(to_.process_.get(), sp);
  if (!region || !region->committed || region->address > sp || sp - region->address >= region->size)
    return sp;
  return region->size <= UINT64_MAX - region->address ? region->address + region->size : sp;
}

LiveProcess::ThreadCopy::Piece LiveProcess::Taking::copy_of(std::uint64_t sp, std::uint64_t end) {
  ThreadCopy::Piece piece{sp, {}};
  if (end <= sp) return piece;
  const std::size_t room = std::min(kMostStack, kMostStacks - stack_bytes_);
  if (room == 0) ++uncopied_;
  if (room != 0 && end - sp > room) ++cut_;
  piece.bytes = memory_.copy(sp, static_cast<std::size_t>(std::min<std::uint64_t>(end - sp, room)));
  stack_bytes_ += piece.bytes.size();
  return piece;
}

void LiveProcess::Taking::copy_stack(ThreadCopy& copy) {
  const auto registers =
      stacks::registers_of_context(base::Bytes(copy.context), to_.machine_.architecture);
  if (!registers) return;
  const std::uint64_t sp = stacks::sp_of(*registers);
  copy.stack = copy_of(sp, stack_end(sp, copy.facts.teb));
}

// The 32-bit code's own stack. Its registers lie where WOW64 keeps them, in the 64-bit one.
void LiveProcess::Taking::copy_wow64_stack(ThreadCopy& copy) {
  if (!is_wow64_ || copy.facts.teb == 0) return;
  const auto wow64 = target::read_wow64_thread(memory_, copy.facts.teb);
  if (!wow64 || !wow64->stack) return;
  const auto registers =
      stacks::registers_of_context(base::Bytes(wow64->context), base::Architecture::x86);
  if (!registers) return;
  const std::uint64_t sp = stacks::sp_of(*registers);
  if (wow64->stack->contains(sp)) copy.wow64_stack = copy_of(sp, wow64->stack->base);
}

// The context first: a suspension is complete when it can be read.
Status LiveProcess::Taking::copy_suspended(Handle thread, ThreadCopy& copy) {
  Status resumed = kSuccess;
  Status status = kSuccess;
  {
    const Suspended suspended(system_, thread, resumed);
    status = suspended.status();
    if (succeeded(status)) {
      auto context = system_.thread_context(thread, false);
      if (context) {
        copy.context = std::move(context->native);
        copy_stack(copy);
        copy_wow64_stack(copy);
      } else {
        status = context.error();
      }
    }
  }
  if (!succeeded(resumed) && resumed != kThreadIsTerminating)
    to_.warnings_.push_back(fmt::format(
        "thread {} was suspended and could not be resumed ({:#x}): it may stand still until it is "
        "resumed by a debugger",
        copy.facts.id, resumed));
  return status;
}

std::optional<std::string> LiveProcess::Taking::take_thread(const ThreadFacts& facts) {
  const auto thread = open(facts.id);
  if (!thread) return reason_of(thread.error());
  const auto identity = system_.identify_thread(thread->get());
  if (!identity) return reason_of(identity.error());
  if (identity->process_id != to_.facts_.id || identity->create_time != facts.create_time ||
      identity->ended)
    return reason_of(kThreadIsTerminating);
  ThreadCopy copy;
  copy.facts = facts;
  copy.name = system_.thread_name(thread->get());
  const Status status = copy_suspended(thread->get(), copy);
  std::optional<std::string> why;
  if (!succeeded(status)) {
    why = reason_of(status);
    if (status == kThreadIsTerminating) return why;
  }
  to_.threads_.push_back(std::move(copy));  // without registers, too: it is there
  return why;
}

void LiveProcess::Taking::tell_failures() {
  const auto say = [&](std::string text) { to_.warnings_.push_back(std::move(text)); };
  for (std::size_t i = 0; i < std::min(failures_.size(), kMostToldThreads); ++i)
    say(fmt::format("thread {} could not be read: {}", failures_[i].first, failures_[i].second));
  if (failures_.size() > kMostToldThreads)
    say(fmt::format("{} more threads could not be read", failures_.size() - kMostToldThreads));
  if (cut_ != 0)
    say(
        fmt::format("of {} stack{} only the youngest part was copied while their threads were "
                    "suspended ({} KB of each); the rest was read later, and may have changed",
                    cut_, cut_ == 1 ? "" : "s", kMostStack >> 10));
  if (uncopied_ != 0)
    say(
        fmt::format("{} stacks were read while their threads ran, for {} MB of others were copied "
                    "before: they may not fit their registers",
                    uncopied_, kMostStacks >> 20));
}

base::Result<void> LiveProcess::Taking::take_threads(const std::atomic<bool>* stop) {
  is_wow64_ = system_.is_wow64(to_.process_.get());
  for (const ThreadFacts& facts : to_.facts_.threads) {
    if (stop && stop->load()) return base::fail("interrupted; every thread was resumed");
    if (auto why = take_thread(facts)) failures_.emplace_back(facts.id, std::move(*why));
  }
  tell_failures();
  if (to_.threads_.empty())
    return base::fail("no thread of {} (process {}) could be read: {}",
                      base::printable(to_.facts_.name), to_.facts_.id,
                      failures_.empty() ? "it has none" : failures_.front().second);
  std::vector<base::SegmentSource::Segment> segments;
  for (const ThreadCopy& copy : to_.threads_)
    for (const auto* piece : {&copy.stack, &copy.wow64_stack})
      if (!piece->bytes.empty()) segments.push_back({piece->address, base::Bytes(piece->bytes)});
  to_.stacks_ = std::make_unique<base::SegmentSource>(std::move(segments));
  return {};
}

void LiveProcess::Taking::take_modules() {
  to_.modules_ = system_.modules(to_.process_.get());
  if (to_.modules_.size() > kMostModules) to_.modules_.resize(kMostModules);
  std::vector<base::Architecture> code;
  for (dump::ModuleRecord& module : to_.modules_)
    code.push_back(read_headers(*to_.memory_, module));
  const bool is_emulated = !code.empty() && !is_wow64_ &&
                           code.front() != base::Architecture::unknown &&
                           code.front() != to_.machine_.architecture;
  if (is_emulated)
    to_.warnings_.push_back(
        fmt::format("the program is {} code that this {} system emulates: its frames are not "
                    "followed, and those shown are the emulator's",
                    base::name_of(code.front()), base::name_of(to_.machine_.architecture)));
  if (to_.modules_.empty())
    to_.warnings_.push_back("the process's modules could not be listed: frames have no names");
}

base::Result<LiveProcess> LiveProcess::take(System& system, const ProcessFacts& process,
                                            const std::atomic<bool>* stop) {
  if (process.id == system.own_process_id())
    return base::fail("process {} is this program itself", process.id);
  const DebugPrivilege privilege(system);
  const auto handle = system.open_process(process.id, kProcessRead);
  if (!handle)
    return base::fail("{} (process {}) can't be opened: {}{}", base::printable(process.name),
                      process.id, reason_of(handle.error()),
                      handle.error() == kAccessDenied && !system.elevated()
                          ? "; an elevated prompt may be allowed to"
                          : "");
  LiveProcess live;
  live.process_ = Owned(system, *handle);
  live.machine_ = system.machine();
  live.facts_ = process;
  live.time_ = system.system_time();
  live.memory_ = std::make_unique<LiveMemory>(system, *handle);
  Taking taking(system, live);
  if (auto taken = taking.take_threads(stop); !taken)
    return std::unexpected(std::move(taken.error()));
  taking.take_modules();
  return live;
}

dump::Dump LiveProcess::dump() const {
  dump::Dump dump;
  dump.kind = dump::Kind::minidump;
  dump.attributes = dump::attribute_live_dump;
  dump.architecture = machine_.architecture;
  dump.machine = machine_number(machine_.architecture);
  dump.major_version = machine_.major;
  dump.build = machine_.build;
  dump.processor_count = machine_.processors;
  dump.system_time = time_;
  dump.process_id = facts_.id;
  dump.process_create_time = facts_.create_time;
  dump.modules = modules_;
  dump.warnings = warnings_;
  for (const ThreadCopy& copy : threads_) {
    dump::ThreadRecord record;
    record.id = copy.facts.id;
    record.teb = copy.facts.teb;
    record.context = base::Bytes(copy.context);
    record.stack_address = copy.stack.address;
    record.stack_size = copy.stack.bytes.size();
    record.start_address = copy.facts.start_address;
    record.name = copy.name;
    dump.threads.push_back(std::move(record));
  }
  dump.memory = std::make_unique<base::LayeredSource>(stacks_.get(), memory_.get());
  return dump;
}

}  // namespace ntstack::capture
