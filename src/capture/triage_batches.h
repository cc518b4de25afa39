// How many threads the next triage dump is asked for, and which: from what is left, the machine's
// processors and what the dumps so far showed. It makes no call; it is values alone.
//
// A dump that is full is no failure: the kernel leaves out what finds no room and says so. So each
// dump is asked for some more threads than are likely to fit, and what did not fit comes first in
// the next one. Published facts on NtSystemDebugControl(29): the processors' blocks come first, the
// kernel stops at the first thread whose object finds no room, and a stack that finds none is left
// out without a word.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <span>
#include <vector>

#include "capture/triage_result.h"

namespace ntstack::capture {

enum class Outcome : std::uint8_t {
  pending,
  captured,
  captured_in_part,  // of several stacks one found no room, even in a dump that began with it
  wedged,            // did not answer within 5 s, twice where there was time
  denied,            // its handle was refused
  gone,              // ended, or its ID has a new user, or is about to end
  does_not_fit,      // not even in a dump that begins with it
  not_tried,         // the capture ended before
  failed             // another status
};
// "captured", "captured_in_part", ...: JSON.
std::string_view name_of(Outcome outcome);

// How many of them are expected in one call at most, which can't be broken off: 5 s each.
inline constexpr std::size_t kWedgedInACall = 12;

struct BatchLimits {
  std::size_t room = 0x100000;  // bytes of a dump
  std::size_t processors = 1;   // active ones
  std::uint32_t build = 0;      // Windows' build; 0 unknown
  bool is_64_bit = true;
  std::size_t first_batch = 0;  // threads in the first dump at most; 0: as many as may fit
  std::size_t wedged_in_a_call = kWedgedInACall;
};

// Bytes of one KPRCB by build (public PDB types); a build between two gets the older one's, an
// unknown one the newest's.
std::size_t processor_bytes(std::uint32_t build, bool is_64_bit);

class TriageBatches {
 public:
  TriageBatches(std::size_t threads, const BatchLimits& limits);

  // Threads by number, from 0 in the order in which they are captured. New ones come last.
  void add(std::size_t more);

  // How many threads the next dump is asked for; 0: none is left.
  std::size_t size_of_next() const;
  // That many of what is left, or what there is. Each is to be settled, learnt of or put back.
  std::vector<std::size_t> take(std::size_t count);
  void put_back(std::span<const std::size_t> threads);
  // It is known without a call, or in spite of one, what becomes of a thread.
  void settle(std::size_t thread, Outcome outcome);
  void bound_wedged(std::size_t most) { limits_.wedged_in_a_call = std::max<std::size_t>(most, 1); }
  // No dump is asked for more: the call for so many failed.
  void bound(std::size_t most) { most_ = std::max<std::size_t>(most, 1); }
  // What a dump has of the threads that it was asked for.
  void learn(std::span<const std::size_t> asked, const TriageContents& contents);

  // Threads that did not answer and were tried once; 5 s each.
  std::size_t unanswered() const { return unanswered_.size(); }
  // They are asked for again, `most` of them at most. The others are wedged.
  void retry_unanswered(std::size_t most);
  // Nothing more is tried: what is pending was not, what did not answer is wedged.
  void stop();
  // Three dumps in a row gave no stack: the rest was not tried for that.
  bool gave_up() const { return gave_up_; }
  std::size_t pending() const { return known_.size() + left_.size(); }

  std::span<const Outcome> outcomes() const { return outcomes_; }
  // Of a dump, before the first thread; 0 where no dump showed it.
  std::size_t thread_room() const { return room_; }

 private:
  void learn_one(std::size_t thread, const ThreadInDump& in_dump, bool is_first, bool was_tried);
  void did_not_answer(std::size_t thread);
  void measure(const TriageContents& contents);
  void give_up_where_nothing_fits(const TriageContents& contents, std::size_t captured);
  std::size_t likely_to_fit() const;

  BatchLimits limits_;
  std::vector<Outcome> outcomes_;
  std::vector<std::size_t> needs_;  // at the least, by the object; 0 not known
  std::vector<bool> retried_, in_part_;
  std::vector<std::size_t> known_;  // those that did not fit, and whose needs are known
  std::deque<std::size_t> left_;
  std::vector<std::size_t> unanswered_, returned_;
  std::size_t most_ = 512;  // each has a handle, and 4 bytes of the kernel's list
  std::size_t calls_ = 0, without_a_stack_ = 0, room_ = 0, planned_ = 0;
  bool gave_up_ = false;
  // Of threads that are whole in a dump: how many, the mean of their bytes, the squares' sum.
  std::size_t measured_ = 0;
  double mean_ = 0, squares_ = 0;
  std::size_t asked_ = 0, wedged_ = 0;  // answers so far, and those that were none
};

}  // namespace ntstack::capture
