// One thread's request: the block of memory that its APC lives in, and who frees it.
//
// Two sides share a block: the thread that waits for the answer, and the kernel, which runs the
// APC when it likes, or never. One word settles who comes first:
//
//     queued ──APC──> taken      the APC fills the block and signals; the waiter frees it
//     queued ──waiter──> abandoned   nobody waits any more; the APC, when it comes, frees it
//
// While the block is queued it holds references on the thread and on the driver object. The APC's
// last act (signal, or the driver reference given back) is done by its stub with a jump out of the
// image, so the driver can be unloaded at once after it.
#pragma once

#include "driver/core/kernel.h"
#include "driver/core/snapshot.h"

namespace ntstack::driver {

struct Request {
  Apc apc;  // first: the kernel gives it back to the routines
  Event done;
  std::uint32_t state = 0;  // State
  Status status = kSuccess;
  Thread* thread = nullptr;
  Wanted wanted;
  Snapshot snapshot;

  enum State : std::uint32_t { queued = 0, abandoned = 1, taken = 2 };
};

// A block with room for what is wanted, which owns the caller's reference on `thread`; null where
// there is no memory (the reference stays the caller's).
Request* make_request(Thread* thread, const Wanted& wanted);
void free_request(Request* request);

// False: the thread ends; the block is still the caller's.
bool queue(Request& request);

// Of a queued one for which the waiter has no more time. True: it was captured after all, or taken
// from the queue: the block is the caller's, status says which. False: it was left to its APC.
bool end_wait(Request& request);

// Gives back what queue() took, once the wait has ended with the block in the caller's hands.
void finish(Request& request);

// The APC's kernel routine and its rundown routine, as the stubs call them. `caller`: the registers
// of the code that called the stub.
Farewell deliver(Apc& apc, const Registers& caller);
Farewell run_down(Apc& apc);

// With so many left to their APCs no new ones are begun.
inline constexpr std::uint32_t kMostAbandoned = 1024;

// Requests that were abandoned and whose APC did not come yet; those for which the image stays in
// memory until the next boot, since nothing could give its reference back.
std::uint32_t abandoned_count();
std::uint32_t pinned_count();

}  // namespace ntstack::driver
