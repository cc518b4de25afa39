// The world's kernel: its images loaded and started on a machine, processors, a process and
// threads as Windows keeps them, and the system calls that take those threads to where they wait.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "world/image_loader.h"
#include "world/layout.h"
#include "world/machine.h"
#include "world/truth.h"

namespace ntstack::world {

struct Thread {
  std::string role;
  std::uint32_t id = 0;
  std::uint64_t ethread = 0;
  std::uint64_t stack_base = 0, stack_limit = 0;
  std::uint64_t teb = 0;
  std::uint64_t user_stack = 0;   // RSP in user mode
  std::uint64_t apc_context = 0;  // the CONTEXT that a queued capture fills
};

struct SystemCall {
  std::uint32_t number = 0;
  std::uint64_t user_rip = 0;
  std::vector<std::uint64_t> arguments;  // at most 6
};

inline constexpr std::uint32_t service_create_file = 0, service_query_full_attributes = 1,
                               service_close = 2;

class KernelWorld {
 public:
  // `more` images are loaded behind the kernel's own. Nothing has run yet.
  KernelWorld(const std::filesystem::path& modules, const KernelLayout& layout,
              std::span<const std::string> more = {});
  // Calls each driver's entry, lowest device first.
  void start_drivers();

  Machine& machine() { return machine_; }
  const Machine& machine() const { return machine_; }
  const KernelLayout& layout() const { return layout_; }
  std::span<const LoadedImage> images() const { return images_; }
  std::uint64_t nt(const std::string& symbol) const { return images_.front().symbol(symbol); }
  std::uint64_t symbol(const std::string& image, const std::string& name) const;

  std::uint64_t pcr(unsigned processor) const { return pcrs_.at(processor); }
  std::uint64_t prcb(unsigned processor) const { return pcrs_.at(processor) + 0x180; }
  unsigned processors() const { return static_cast<unsigned>(pcrs_.size()); }
  // `dpc_stack` and `isr_stack` are those stacks' high ends; the DPC stack is mapped.
  void add_processor(std::uint64_t pcr, std::uint64_t dpc_stack, std::uint64_t isr_stack);
  // The one that runs from now on; the first one at the start.
  void use_processor(unsigned number) { current_ = number; }
  // Makes `thread` the current one of the processor, with the processor in the kernel's state.
  void make_current(const Thread& thread);

  // Zeroed pool memory, `alignment` at least 16. Addresses rise.
  std::uint64_t pool(std::uint64_t size, std::uint64_t alignment = 16);

  std::uint64_t create_process(const std::string& image_name, std::uint64_t id);
  // The process that dumps are made of: the first one created.
  std::uint64_t process() const { return process_; }
  // `stack_base` is the high end; the stack has 0x6000 bytes, of which the highest 0x250 are the
  // KSTACK_CONTROL and what lies above it.
  Thread create_thread(std::uint64_t process, const std::string& role, std::uint32_t id,
                       std::uint64_t stack_base);
  // The request that makes the thread's next wait deliver the capturing APC.
  void queue_capture(Thread& thread);

  // Enters the kernel as `thread` and runs until the machine's before_instruction stops it, or back
  // to user mode. True: came back.
  bool system_call(const Thread& thread, const SystemCall& call);

  // Runs `call` until the thread is where a dump finds it: in the capturing APC, or switched out.
  ThreadTruth run_until_captured(const Thread& thread, const SystemCall& call);

  // Where user-mode parameters of `thread` go: an OBJECT_ATTRIBUTES for `path`; its address.
  std::uint64_t user_object_attributes(const Thread& thread, const std::string& path);

  // The thread's stacks as KSTACK_CONTROL chains them, in use from `sp` on.
  std::vector<StackSegment> segments_of(const Thread& thread, std::uint64_t sp) const;

 private:
  KernelLayout layout_;
  Machine machine_;
  std::vector<LoadedImage> images_;
  std::vector<std::uint64_t> pcrs_;
  std::uint64_t pool_next_;
  std::uint64_t process_ = 0;
  unsigned current_ = 0;
};

}  // namespace ntstack::world
