#include "driver/core/request.h"

namespace ntstack::driver {
namespace {

std::uint32_t abandoned_requests, pinned_requests;

constexpr std::size_t kAlignment = 16;
constexpr std::size_t round_up(std::size_t bytes) {
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

Request& request_of(Apc& apc) { return reinterpret_cast<Request&>(apc); }

// The APC of a request that nobody waits for. Its driver reference goes from outside of the image
// where the kernel can do that; else it stays for ever, and with it the image.
Farewell drop(Request& request) {
  Thread* const thread = request.thread;
  kernel::release(&request);
  kernel::dereference_thread(thread);
  kernel::add(abandoned_requests, std::uint32_t(-1));
  return {kernel::can_release_later() ? Farewell::Act::release_driver : Farewell::Act::none};
}

// The APC came first, or the waiter had gone.
bool take(Request& request) {
  return kernel::compare_exchange(request.state, Request::queued, Request::taken) ==
         Request::queued;
}

void count_abandoned(std::uint32_t amount) {
  kernel::add(abandoned_requests, amount);
  if (!kernel::can_release_later()) kernel::add(pinned_requests, amount);
}

}  // namespace

Request* make_request(Thread* thread, const Wanted& wanted) {
  const std::size_t head = round_up(sizeof(Request));
  const std::size_t frames = round_up(std::size_t{frame_room(wanted)} * sizeof(std::uint64_t));
  auto* const memory =
      static_cast<std::byte*>(kernel::allocate(head + frames + wanted.stack_bytes));
  if (!memory) return nullptr;
  auto* const request = reinterpret_cast<Request*>(memory);
  request->thread = thread;
  request->wanted = wanted;
  request->snapshot.frames = reinterpret_cast<std::uint64_t*>(memory + head);
  request->snapshot.stack = memory + head + frames;
  return request;
}

void free_request(Request* request) {
  kernel::dereference_thread(request->thread);
  kernel::release(request);
}

bool queue(Request& request) {
  kernel::initialize(request.done);
  kernel::initialize(request.apc, request.thread, kernel::Environment::insert,
                     kernel::Rundown::ours);
  kernel::hold_driver();
  if (kernel::queue(request.apc)) return true;
  kernel::release_driver();
  return false;
}

bool end_wait(Request& request) {
  if (kernel::remove(request.apc) == kernel::Removal::removed) {
    request.status = kTimeout;
    return true;
  }
  count_abandoned(1);  // before it is: the APC counts back
  if (kernel::compare_exchange(request.state, Request::queued, Request::abandoned) ==
      Request::queued)
    return false;
  count_abandoned(std::uint32_t(-1));
  kernel::wait(request.done);  // the APC runs at this moment, or has run
  return true;
}

void finish(Request&) { kernel::release_driver(); }

Farewell deliver(Apc& apc, const Registers& caller) {
  Request& request = request_of(apc);
  if (!take(request)) return drop(request);
  take_snapshot(request.snapshot, request.wanted, caller);
  return {Farewell::Act::signal, &request.done};
}

Farewell run_down(Apc& apc) {
  Request& request = request_of(apc);
  if (!take(request)) return drop(request);
  request.status = kThreadIsTerminating;
  return {Farewell::Act::signal, &request.done};
}

std::uint32_t abandoned_count() { return kernel::add(abandoned_requests, 0); }
std::uint32_t pinned_count() { return kernel::add(pinned_requests, 0); }

}  // namespace ntstack::driver
