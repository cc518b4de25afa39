#include "capture/outcome_text.h"

#include <fmt/format.h>

#include "capture/status_text.h"

namespace ntstack::capture {
namespace {

constexpr const char* kCut =
    "captured; the dump was nearly full behind it, so that details of its pending I/O may be "
    "missing";
constexpr const char* kInPart =
    "captured but for an older part of its kernel stack, which did not fit; a live dump has all of "
    "it";
constexpr const char* kInNone =
    "it did not answer within 5 s, or was about to end: dumps that it was asked for have others "
    "and "
    "not it; a live dump has its stack";
constexpr const char* kAboutToEnd =
    "it was about to end, and took no kernel APC any more; a live dump has its stack while it "
    "lasts";

std::string why_not_tried(const Ending& ending) {
  if (ending.was_cancelled) return "not captured: the capture was cancelled before";
  if (ending.ran_out_of_time)
    return fmt::format("not captured: the time for it ({} s) was over",
                       (ending.time_budget + 999) / 1000);
  if (ending.gave_up)
    return "not captured: dump after dump had no room for a stack; capture a live dump";
  return "not captured: the capture ended before";
}

}  // namespace

std::string outcome_text(const ThreadRecord& thread, const Ending& ending) {
  switch (thread.outcome) {
    case Outcome::captured:
      return thread.may_lack_io ? kCut : "captured";
    case Outcome::captured_in_part:
      return kInPart;
    case Outcome::wedged:
      return thread.status ? status_text(kTimeout, Call::captured_thread) : kInNone;
    case Outcome::does_not_fit:
      return fmt::format(
          "its kernel stack does not fit into a triage dump of this machine, whose processors "
          "leave "
          "{} KB for threads; capture a live dump",
          ending.thread_room / 1024);
    case Outcome::gone:
      return kAboutToEnd;
    case Outcome::not_tried:
    case Outcome::pending:
      return why_not_tried(ending);
    case Outcome::denied:
    case Outcome::failed:
      break;
  }
  return status_text(thread.status.value_or(kUnsuccessful), Call::captured_thread);
}

}  // namespace ntstack::capture
