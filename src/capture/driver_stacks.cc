#include "capture/driver_stacks.h"

#include <algorithm>
#include <cstring>

#include "capture/debug_privilege.h"
#include "capture/kernel_modules.h"
#include "dump/cpu_context.h"
#include "dump/kernel_stacks.h"
#include "target/machine.h"

namespace ntstack::capture {
namespace {

constexpr std::uint8_t kWaiting = 5;  // KTHREAD_STATE

std::uint32_t machine_number(base::Architecture architecture) {
  for (const std::uint32_t number : {0x14cu, 0x8664u, 0xaa64u})
    if (base::architecture_of_machine(number) == architecture) return number;
  return 0;
}

// CONTEXT_CONTROL | CONTEXT_INTEGER, at the place of ContextFlags.
void set_flags(std::vector<std::byte>& context, std::size_t at, std::uint32_t flags) {
  std::memcpy(&context[at], &flags, sizeof flags);
}

// What both have; `code` and `stack`: the kernel's selectors.
dump::X86Registers x86_registers(const driver::Registers& from, std::uint16_t code,
                                 std::uint16_t stack) {
  using R = dump::X86Registers;
  dump::X86Registers to;
  to.rip = from.ip;
  to.gpr[R::rsp] = from.sp;
  to.gpr[R::rbx] = from.saved[0];
  to.gpr[R::rbp] = from.saved[1];
  to.gpr[R::rsi] = from.saved[2];
  to.gpr[R::rdi] = from.saved[3];
  to.cs = code;
  to.ss = stack;
  return to;
}

dump::X86Registers x64_registers(const driver::Registers& from) {
  dump::X86Registers to = x86_registers(from, 0x10, 0x18);
  for (std::size_t i = 0; i < 4; ++i) to.gpr[12 + i] = from.saved[4 + i];
  return to;
}

dump::Arm64Registers arm64_registers(const driver::Registers& from) {
  dump::Arm64Registers to;
  to.pc = from.ip;
  to.sp = from.sp;
  for (std::size_t i = 0; i < 11; ++i) to.x[19 + i] = from.saved[i];
  return to;
}

dump::KernelStackRecord record_of(const DriverRecord& from) {
  dump::KernelStackRecord record;
  record.status = from.status.value_or(0xc0000001);  // STATUS_UNSUCCESSFUL: not asked
  record.flags = from.answer.flags;
  record.object = from.object;
  record.create_time = from.facts.create_time;
  record.time = from.answer.time;
  record.stack_low = from.answer.stack_low;
  record.stack_high = from.answer.stack_high;
  record.frames = from.answer.frames;
  record.hash = from.answer.hash;
  record.callers_address = from.answer.callers_address;
  record.callers_caller = from.answer.callers_caller;
  record.state = from.facts.state;
  if (from.facts.state == kWaiting) record.wait_reason = from.facts.wait_reason;
  return record;
}

}  // namespace

std::vector<std::byte> context_of(const driver::Registers& registers,
                                  base::Architecture architecture) {
  std::vector<std::byte> context;
  switch (architecture) {
    case base::Architecture::x64:
      context = dump::context_of(x64_registers(registers), architecture);
      set_flags(context, 0x30, 0x100003);
      break;
    case base::Architecture::x86:
      context = dump::context_of(x86_registers(registers, 0x8, 0x10), architecture);
      set_flags(context, 0, 0x10003);
      break;
    case base::Architecture::arm64:
      context = dump::context_of(arm64_registers(registers));
      set_flags(context, 0, 0x400003);
      break;
    case base::Architecture::unknown:
      break;
  }
  return context;
}

base::Result<DriverStacks> DriverStacks::take(System& system, const ProcessFacts& process,
                                              const ChosenThreads& chosen,
                                              const DriverOptions& options,
                                              const DriverCallbacks& callbacks) {
  if (auto may = check_driver_capturable(process, system.own_process_id()); !may)
    return std::unexpected(std::move(may.error()));
  const DebugPrivilege privilege(system);  // for the modules' addresses too
  DriverStacks stacks;
  stacks.machine_ = system.machine();
  stacks.process_ = process;
  stacks.capture_ = capture_by_driver(system, process, chosen, options, callbacks);
  stacks.time_ = system.system_time();
  if (stacks.capture_.captured() == 0) {
    if (stacks.capture_.error) return std::unexpected(std::move(*stacks.capture_.error));
    return base::fail("interrupted before any thread was captured");
  }
  if (stacks.capture_.error) stacks.notes_.push_back(stacks.capture_.error->text());
  for (const DriverRecord& record : stacks.capture_.threads)
    stacks.contexts_.push_back(
        record.is_captured() ? context_of(record.answer.registers, stacks.capture_.architecture)
                             : std::vector<std::byte>());
  KernelModules modules = list_kernel_modules(system);
  stacks.modules_ = std::move(modules.modules);
  std::ranges::move(modules.notes, std::back_inserter(stacks.notes_));
  return stacks;
}

dump::Dump DriverStacks::dump() const {
  dump::Dump dump;
  dump.kind = dump::Kind::kernel_stacks;
  dump.architecture = capture_.architecture;
  dump.machine = machine_number(dump.architecture);
  dump.major_version = machine_.major;
  dump.build = machine_.build;
  dump.processor_count = machine_.processors;
  dump.system_time = time_;
  if (machine_.boot_time != 0 && machine_.boot_time < time_)
    dump.up_time = time_ - machine_.boot_time;
  dump.process_id = process_.id;
  dump.process_create_time = process_.create_time;
  dump.modules = modules_;
  dump.warnings = notes_;
  dump::KernelStacks stacks{capture_.driver.version, process_.name, {}};
  std::vector<base::SegmentSource::Segment> segments;
  for (std::size_t i = 0; i < capture_.threads.size(); ++i) {
    const DriverRecord& from = capture_.threads[i];
    dump::ThreadRecord thread;
    thread.id = from.facts.id;
    thread.teb = from.facts.teb;
    thread.context = base::Bytes(contexts_[i]);
    thread.stack_address = from.answer.registers.sp;
    thread.stack_size = from.stack.size();
    thread.start_address = from.facts.start_address;
    thread.name = from.name;
    dump.threads.push_back(std::move(thread));
    stacks.threads.push_back(record_of(from));
    if (!from.stack.empty())
      segments.push_back({from.answer.registers.sp, base::Bytes(from.stack)});
    for (const DriverRecord::Piece& older : from.older)
      if (!older.bytes.empty()) segments.push_back({older.address, base::Bytes(older.bytes)});
  }
  dump.kernel_stacks = std::move(stacks);
  dump.memory = std::make_unique<base::SegmentSource>(std::move(segments));
  return dump;
}

base::Result<std::vector<std::byte>> DriverStacks::file() const {
  std::vector<dump::MemoryRange> older;
  for (const DriverRecord& record : capture_.threads)
    for (const DriverRecord::Piece& piece : record.older)
      older.push_back({piece.address, piece.bytes.size()});
  return dump::kernel_stacks_file(dump(), older);
}

dump::BundleThread listed_thread(const ThreadFacts& facts) {
  dump::BundleThread thread;
  thread.id = facts.id;
  thread.create_time = facts.create_time;
  thread.state = target::thread_state_name(facts.state);
  if (facts.state == kWaiting) thread.wait_reason = target::wait_reason_name(facts.wait_reason);
  thread.priority = facts.priority;
  thread.context_switches = facts.context_switches;
  return thread;
}

std::vector<dump::BundleThread> bundle_threads_of(const DriverCapture& capture,
                                                  const std::string& file) {
  std::vector<dump::BundleThread> threads;
  for (const DriverRecord& record : capture.threads) {
    dump::BundleThread thread = listed_thread(record.facts);
    thread.object = record.object;
    thread.name = record.name;
    if (record.is_captured()) thread.file = file;
    thread.status = record.status;
    thread.outcome = name_of(record.outcome);
    if (record.outcome != Outcome::captured) thread.reason = record.text;
    threads.push_back(std::move(thread));
  }
  return threads;
}

}  // namespace ntstack::capture
