// What a thread waits for: the objects of its wait blocks, and the lock, request or message that
// they stand for, by the kernel's objects where the dump has them, else by the functions that it
// waits in and what these were called with.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "analysis/call_argument.h"
#include "analysis/irp.h"
#include "analysis/kernel_view.h"
#include "analysis/lock_entries.h"
#include "analysis/resources.h"
#include "analysis/wait_words.h"

namespace ntstack::analysis {

struct WaitedObject {
  std::uint64_t address = 0;
  ObjectKind kind = ObjectKind::unknown;
  std::string type;  // "SynchronizationEvent": as its header says; empty: the header is not known
  Certainty certainty = Certainty::possible;
  std::string how;  // "by the thread's wait blocks"
  // It is the event inside or behind a lock of that kind, whose own address is not known.
  bool is_event_of_lock = false;
  // What the lock is a part of, or was reached through.
  std::optional<std::uint64_t> container;
  std::uint64_t process = 0;  // of addresses of user mode: the process's ID; 0: the kernel's
};

struct Wait {
  std::size_t stack = 0;           // index of the stack
  std::optional<WaitWords> words;  // by the stack's names
  // By its wait blocks: it waits for any of them, or for all.
  std::vector<WaitedObject> blocks;
  // The lock, request or message that it is about.
  std::optional<WaitedObject> meant;

  // The one that a chain goes on from; null: none is known, or there are several.
  const WaitedObject* object() const {
    return meant ? &*meant : blocks.size() == 1 ? &blocks.front() : nullptr;
  }
};

class WaitReader {
 public:
  // What `view` is of outlives the reader. `make`: for the images of processes whose memory a
  // kernel dump has; may be empty.
  WaitReader(KernelView view, const stacks::SymbolizerMaker& make);

  // Nothing where the thread does not wait, as far as its state or (user dumps) its stack tells.
  std::optional<Wait> wait_of(const stacks::Stack& stack);

  // The object of that kind that the functions on a stack were called to wait for, whatever the
  // thread's state: the surest of what they were called with.
  std::optional<WaitedObject> argument_of(const stacks::Stack& stack, ObjectKind kind);

  const KernelView& view() const { return view_; }
  FrameRegisters& registers() { return registers_; }
  // Nothing where the dump does not have it. Read once: many may wait for one.
  const std::optional<Resource>& resource_at(std::uint64_t address);
  // Read when first asked for.
  const LockEntries& lock_entries();

 private:
  std::vector<WaitedObject> blocks_of(const stacks::Stack& stack, Certainty certainty) const;
  std::optional<WaitedObject> meant_by(const stacks::Stack& stack, const Wait& wait);
  std::optional<WaitedObject> irp_of(const stacks::Stack& stack);
  std::optional<WaitedObject> message_of(const stacks::Stack& stack) const;
  // Made when first asked for; null: a user dump has none.
  const ResourceReader* resources();
  void check_resource(WaitedObject& object);
  void find_listed_waiters();

  KernelView view_;
  FrameRegisters registers_;
  CallArguments arguments_;
  std::unique_ptr<ResourceReader> resources_;
  std::unordered_map<std::uint64_t, std::optional<Resource>> resource_at_;
  std::optional<LockEntries> lock_entries_;
  // By thread: the resource of the system's list that counts it among its waiters.
  std::optional<std::unordered_map<std::uint64_t, std::uint64_t>> listed_;
};

}  // namespace ntstack::analysis
