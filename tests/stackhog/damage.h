// Seed 3's dumps with a damaged stack or without registers, walked, and what was found compared
// with the shadow stack: how much of it is recovered, and what was invented.
//
// Counted are frames of the thread's own stack. A frame of the truth is *reachable* where the bytes
// of the frame that it called (its return address in them) are whole; it is *recovered* where a
// frame with its instruction and its stack pointer was found (ARM64 without unwind data: its
// instruction, and no higher stack pointer). A frame that was found and is in no truth is
// *invented*: as a guess (its trust says so), behind a guess (a younger frame's trust says so), or
// as a fact, which must not be. What registers say that the damage itself wrote is neither.
#pragma once

#include <cstdint>
#include <memory>
#include <random>
#include <string_view>
#include <vector>

#include "stackhog/opened.h"
#include "stackhog/story.h"
#include "stacks/stack.h"

namespace ntstack::world {

enum class Damage : std::uint8_t {
  none,
  top_garbage,            // the stack's youngest part: random words
  top_text,               // ... text
  top_old_contents,       // ... what other parts of the stack hold
  zeroed_page,            // one page of it
  smashed_frame,          // one frame, its locals, what it saved and its return address
  registers_zero,         // the dump's contexts, and what interrupted the thread kept of it
  registers_garbage,      // likewise
  stack_pointer_outside,  // what interrupted the thread says a stack pointer that is elsewhere
  context_lost            // the contexts alone: what interrupted the thread is whole
};
inline constexpr Damage all_damage[] = {Damage::none,
                                        Damage::top_garbage,
                                        Damage::top_text,
                                        Damage::top_old_contents,
                                        Damage::zeroed_page,
                                        Damage::smashed_frame,
                                        Damage::registers_zero,
                                        Damage::registers_garbage,
                                        Damage::stack_pointer_outside,
                                        Damage::context_lost};
std::string_view name_of(Damage damage);

struct Recovery {
  std::size_t runs = 0;
  std::size_t reachable = 0, recovered = 0, recovered_as_fact = 0;  // frames
  std::size_t whole = 0;  // runs with all that is reachable
  std::size_t invented_as_guess = 0, invented_behind_guess = 0, invented_as_fact = 0;  // frames
  Recovery& operator+=(const Recovery& other);
};

class DamageRig {
 public:
  // `hog` outlives it. The dump is written once; every run changes bytes of its copy in memory and
  // puts them back.
  DamageRig(const StackHog& hog, const std::string& architecture, StackHogDump kind, Images images);

  // The damage is `seed`'s; the same every time.
  Recovery run(Damage damage, std::uint64_t seed);
  // Of the last run, a line each: what was invented as a fact.
  const std::vector<std::string>& inventions() const { return inventions_; }

 private:
  struct Range {
    std::uint64_t begin, end;
  };
  void find_stack();
  void find_registers();
  void find_all(std::span<const std::uint8_t> bytes, std::vector<std::size_t>& places) const;
  void patch(std::size_t at, std::span<const std::uint8_t> bytes);
  void spoil(std::uint64_t begin, std::uint64_t end, const std::vector<std::uint8_t>& bytes);
  void apply(Damage damage, std::mt19937_64& random);
  void spoil_stack(Damage damage, std::mt19937_64& random);
  void spoil_registers(Damage damage, std::mt19937_64& random);
  void move_stack_pointer(std::mt19937_64& random);
  Recovery compare(const stacks::Stack& stack);
  bool is_reachable(std::size_t frame) const;
  std::size_t random_frame(std::mt19937_64& random) const;

  const StackHog& hog_;
  OpenedHog opened_;
  std::vector<std::byte> bytes_;
  std::uint64_t limit_ = 0, base_ = 0;
  unsigned width_ = 8;
  std::size_t first_on_stack_ = 0;            // in the truth's frames
  std::vector<std::size_t> pages_;            // of the stack, in the file
  std::vector<std::size_t> contexts_, kept_;  // in the file: CONTEXTs; TSS, machine or trap frame
  std::size_t context_size_ = 0, kept_size_ = 0, stack_pointer_in_kept_ = 0;
  std::vector<std::pair<std::size_t, std::vector<std::byte>>> changed_;
  std::vector<Range> spoilt_;
  std::vector<std::string> inventions_;
  bool registers_are_spoilt_ = false;
};

}  // namespace ntstack::world
