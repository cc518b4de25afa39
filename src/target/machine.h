// The dumped machine: its processors, processes and threads, and the stacks that they have. It
// reads the kernel's structures; it unwinds nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "dump/dump.h"
#include "pdb/pdb.h"
#include "target/capture_status.h"
#include "target/kernel/kernel.h"
#include "target/offsets/offsets.h"
#include "unwind/x86.h"

namespace ntstack::target {

enum class StackKind : std::uint8_t {
  thread,    // a thread's own kernel stack
  expanded,  // a further one, by KeExpandKernelStackAndCallout or a user callback
  dpc,
  isr,
  ist,   // an x64 interrupt stack table's: NMI, double fault, machine check
  task,  // an x86 task gate's: NMI, double fault
  user,
  unknown  // memory around a stack pointer that belongs to none of those
};
std::string_view name_of(StackKind kind);

struct StackSegment {
  StackKind kind = StackKind::unknown;
  std::uint64_t limit = 0;  // the low end
  std::uint64_t base = 0;   // the high end, not in it
  bool limit_known = true;  // false: the kernel's usual size was taken
  // Where the stack pointer was when the stack was left for another one.
  std::optional<std::uint64_t> saved_sp = std::nullopt;
  bool contains(std::uint64_t address) const { return address >= limit && address < base; }
};

// What led to an object: the kernel's list, a processor that runs the thread, a scan of memory
// where lists are broken, or the container itself, which keeps it apart.
enum class FoundBy : std::uint8_t { list, processor, scan, container };
std::string_view name_of(FoundBy found_by);

struct Process {
  FoundBy found_by = FoundBy::container;
  std::uint64_t address = 0;  // EPROCESS; 0 in a user minidump
  std::optional<std::uint64_t> id;
  std::optional<std::uint64_t> parent_id;
  std::string name;  // as the kernel keeps it, cut after 15 characters
  std::optional<std::uint64_t> directory_table_base, peb;
};

struct Thread {
  FoundBy found_by = FoundBy::container;
  std::uint64_t address = 0;  // ETHREAD; 0 in a user minidump
  std::optional<std::uint64_t> id;
  std::optional<std::uint64_t> process_id;
  std::uint64_t process = 0;                // EPROCESS that the thread runs in
  std::optional<std::uint8_t> state;        // KTHREAD_STATE
  std::optional<std::uint8_t> wait_reason;  // KWAIT_REASON
  std::optional<std::uint64_t> teb, start_address, kernel_stack, initial_stack, trap_frame;
  std::vector<StackSegment> segments;      // the one that is in use first
  std::optional<std::uint32_t> processor;  // where it is the current thread
  base::Bytes context;                     // user minidumps: its CONTEXT
  std::string name;
  bool object_present = false;  // false: only its address is known
  // The APC of a capture stopped it: a triage dump's state is not what it was before.
  bool captured = false;
  std::optional<std::uint64_t> create_time;  // FILETIME
};

// x86: what a task gate left behind when it changed to a stack of its own.
struct InterruptedTask {
  std::uint64_t stack_base = 0;  // of the gate's own stack
  unwind::x86::Registers registers;
};

struct Processor {
  std::uint32_t number = 0;
  std::uint64_t prcb = 0;  // 0: its address is not in the dump
  std::uint64_t current_thread = 0;
  std::uint64_t idle_thread = 0;
  std::uint64_t rsp_base = 0;  // x64: the current thread's InitialStack
  bool dpc_active = false;
  bool crashed = false;                // the processor that the dump's header speaks of
  std::vector<std::byte> context;      // its CONTEXT, empty where the dump has none
  std::vector<StackSegment> segments;  // DPC, ISR, IST and task gates' stacks
  std::vector<InterruptedTask> interrupted_tasks;
};

// A thread that a process's triage dump, or ntstack's driver, was asked for.
struct RequestedThread {
  std::uint32_t status = 0;  // NTSTATUS
  Capture capture = Capture::captured;
  std::optional<std::uint64_t> thread;             // its ETHREAD, where it is known which one it is
  std::optional<std::uint64_t> id = std::nullopt;  // where only that is known
};

class Machine {
 public:
  // Reads processors, threads and processes. `kernel` outlives the machine, which puts a triage
  // dump's loose objects into its memory. `types`: nt's, or none. Never fails: what could not
  // be found is in warnings().
  explicit Machine(Kernel& kernel, const dwarf::TypeSource& types = {});
  Machine(Machine&&) noexcept = default;

  const Kernel& kernel() const { return *kernel_; }
  const dump::Dump& dump() const { return kernel_->dump(); }
  bool is_64_bit() const { return kernel_->is_64_bit(); }
  const base::ByteSource& memory() const { return kernel_->memory(); }
  const Offsets& offsets() const { return offsets_; }
  const std::optional<Kdbg>& kdbg() const { return kernel_->kdbg(); }

  const std::vector<Processor>& processors() const { return processors_; }
  const std::vector<Thread>& threads() const { return threads_; }
  const std::vector<Process>& processes() const { return processes_; }
  // A process's triage dump, or kernel stacks by the driver: what became of each thread that was
  // asked for, in the request's order; empty where the dump does not say.
  const std::vector<RequestedThread>& captures() const { return captures_; }
  const std::vector<std::string>& warnings() const { return warnings_; }

  const Thread* thread_at(std::uint64_t address) const;
  const Process* process_of(const Thread& thread) const;

 private:
  void probe_structures();
  void find_triage_objects();
  void find_processors();
  void take_saved_contexts();
  void mark_crashed();
  void find_current_threads();
  void find_captured_threads();
  void mark_captured(std::span<const std::uint64_t> objects);
  void list_processes();
  std::uint64_t process_list() const;
  void list_threads(const Process& process);
  void find_session_space();
  void scan_for_lost_objects();
  std::size_t take_scanned_processes(const std::vector<std::uint64_t>& found);
  std::size_t take_scanned_threads(const std::vector<std::uint64_t>& found);
  void list_minidump_threads();
  void list_kernel_stacks();
  void find_older_stacks(Thread& thread) const;
  void add_processor(Processor processor);
  Thread* add_thread(std::uint64_t address, FoundBy found_by);
  void add_process(std::uint64_t address, FoundBy found_by);

  Kernel* kernel_;
  Offsets offsets_;
  std::vector<Processor> processors_;
  std::vector<Thread> threads_;
  std::vector<Process> processes_;
  std::unordered_map<std::uint64_t, std::size_t> thread_index_, process_index_;  // by address
  bool process_list_broken_ = false;
  std::unordered_set<std::uint64_t> thread_list_broken_;  // by process
  std::vector<RequestedThread> captures_;
  std::vector<std::string> warnings_;
};

// "Waiting", "Executive": as kd prints them; empty for numbers that no public header names.
std::string_view thread_state_name(std::uint8_t state);
std::string_view wait_reason_name(std::uint8_t reason);
// The numbers that these names are of, in any case of letters.
std::optional<std::uint8_t> thread_state_named(std::string_view name);
std::optional<std::uint8_t> wait_reason_named(std::string_view name);

}  // namespace ntstack::target
