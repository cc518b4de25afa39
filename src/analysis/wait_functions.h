// Functions that threads wait in: what for, what kind of object that is, and which of their
// arguments is its address. One table for what a stack says in words and for what it names.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "symbols/symbol.h"

namespace ntstack::analysis {

enum class WaitKind : std::uint8_t {
  idle,   // for work: that is how such threads spend their lives
  lock,   // for somebody who has something
  io,     // for a device, a file or a page
  reply,  // for an answer of another thread or process
  other
};
std::string_view name_of(WaitKind kind);  // "lock": JSON

enum class ObjectKind : std::uint8_t {
  unknown,
  dispatcher,  // one with a DISPATCHER_HEADER, of which nothing else is known
  event,
  mutant,
  semaphore,
  timer,
  queue,
  gate,
  thread,
  process,
  resource,
  fast_mutex,
  guarded_mutex,
  push_lock,
  rundown,
  spin_lock,
  critical_section,
  srw_lock,
  alpc_message,
  irp,
  file_lock
};
std::string_view name_of(ObjectKind kind);   // "push_lock": JSON
std::string_view words_of(ObjectKind kind);  // "push lock"
// Somebody has it, and gives it back.
bool is_lock(ObjectKind kind);
// Its address is one of its process.
bool is_of_user_mode(ObjectKind kind);

// How a function takes its arguments.
enum class Convention : std::uint8_t { usual, fastcall };  // fastcall: on x86 in ecx and edx

struct WaitFunction {
  std::string_view module;  // lower case
  std::string_view begins;  // what its name begins with
  WaitKind kind = WaitKind::other;
  std::string_view words;  // "an ERESOURCE"
  ObjectKind object = ObjectKind::unknown;
  std::int8_t argument = -1;  // that is the object's address; -1: none is
  Convention convention = Convention::usual;
};

inline constexpr std::size_t kFramesThatWait =
    40;  // deeper ones called what waits, or something before

// The most telling first.
std::span<const WaitFunction> wait_functions();
// Whether an address of that name lies in the function.
bool is_in(const WaitFunction& function, const symbols::Symbol& symbol);

}  // namespace ntstack::analysis
