// The kernel's images and objects as they lie in a machine's memory, whatever its processor:
// processors, a process and its threads as Windows keeps them.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "world/guest_memory.h"
#include "world/image_loader.h"
#include "world/layout.h"
#include "world/truth.h"

namespace ntstack::world {

struct Thread {
  std::string role;
  std::uint32_t id = 0;
  std::uint64_t ethread = 0;
  std::uint64_t stack_base = 0, stack_limit = 0;
  std::uint64_t teb = 0;
  std::uint64_t user_stack = 0;   // the stack pointer in user mode
  std::uint64_t apc_context = 0;  // the CONTEXT that a queued capture fills
};

struct SystemCall {
  std::uint32_t number = 0;
  std::uint64_t user_ip = 0;
  std::vector<std::uint64_t> arguments;  // at most 6
};

inline constexpr std::uint32_t service_create_file = 0, service_query_full_attributes = 1,
                               service_close = 2;

// Device drivers of the world, lowest device first.
inline constexpr const char* drivers[] = {"rdbss.sys", "mrxsmb.sys", "mrxsmb20.sys", "mup.sys",
                                          "fltmgr.sys"};

// A world of other images than the usual ones: these, nt first.
struct OnlyImages {
  std::span<const std::string> names;
};

class KernelObjects {
 public:
  KernelObjects(const KernelObjects&) = delete;
  KernelObjects& operator=(const KernelObjects&) = delete;

  const GuestMemory& memory() const { return memory_; }
  const KernelLayout& layout() const { return layout_; }
  std::span<const LoadedImage> images() const { return images_; }
  std::uint64_t nt(const std::string& symbol) const { return images_.front().symbol(symbol); }
  std::uint64_t symbol(const std::string& image, const std::string& name) const;

  std::uint64_t pcr(unsigned processor) const { return pcrs_.at(processor); }
  std::uint64_t prcb(unsigned processor) const { return pcrs_.at(processor) + layout_.pcr.prcb; }
  unsigned processors() const { return static_cast<unsigned>(pcrs_.size()); }
  // `dpc_stack` and `isr_stack` are those stacks' high ends; the DPC stack is mapped.
  void add_processor(std::uint64_t pcr, std::uint64_t dpc_stack, std::uint64_t isr_stack);
  // The one that runs from now on; the first one at the start.
  void use_processor(unsigned number) { current_ = number; }

  // What memory has there, in the width of an address.
  std::uint64_t pointer(std::uint64_t address) const;

  // Zeroed pool memory, `alignment` at least 16. Addresses rise.
  std::uint64_t pool(std::uint64_t size, std::uint64_t alignment = 16);

  std::uint64_t create_process(const std::string& image_name, std::uint64_t id);
  // The process that dumps are made of: the first one created.
  std::uint64_t process() const { return process_; }
  // `stack_base` is the high end; the stack has the layout's bytes, of which the highest are the
  // KSTACK_CONTROL and what lies above it.
  Thread create_thread(std::uint64_t process, const std::string& role, std::uint32_t id,
                       std::uint64_t stack_base);
  // The request that makes the thread's next wait deliver the capturing APC.
  void queue_capture(Thread& thread);

  // Where user-mode parameters of `thread` go: an OBJECT_ATTRIBUTES for `path`; its address.
  std::uint64_t user_object_attributes(const Thread& thread, const std::string& path);

  // The thread's stacks as KSTACK_CONTROL chains them, in use from `sp` on.
  std::vector<StackSegment> segments_of(const Thread& thread, std::uint64_t sp) const;

 protected:
  // `memory` outlives it. Nothing is touched before load().
  KernelObjects(GuestMemory& memory, const KernelLayout& layout);
  ~KernelObjects() = default;
  // Puts the images into memory, `more` behind the kernel's own. Nothing runs.
  void load(const std::filesystem::path& modules, std::span<const std::string> more);
  // The same with these alone, nt first.
  void load_only(const std::filesystem::path& modules, std::span<const std::string> names);

  void put_pointer(std::uint64_t address, std::uint64_t value);

  KernelLayout layout_;
  std::vector<LoadedImage> images_;
  unsigned current_ = 0;

 private:
  void insert_tail(std::uint64_t head, std::uint64_t entry);
  void make_empty(std::uint64_t list_head);

  GuestMemory& memory_;
  std::vector<std::uint64_t> pcrs_;
  std::uint64_t pool_next_;
  std::uint64_t process_ = 0;
};

}  // namespace ntstack::world
