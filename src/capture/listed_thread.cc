#include "capture/listed_thread.h"

#include "capture/status_text.h"

namespace ntstack::capture {
namespace {

Outcome outcome_of_opening(Status status) {
  switch (status) {
    case kInvalidCid:
    case kInvalidParameter:
    case kThreadIsTerminating:
      return Outcome::gone;
    case kAccessDenied:
    case kPrivilegeNotHeld:
      return Outcome::denied;
    default:
      return Outcome::failed;
  }
}

// Nothing where it is the one that was listed.
std::optional<NotOpened> other_than(const ThreadFacts& facts, std::uint32_t process_id,
                                    const ThreadIdentity& identity) {
  const bool is_same_time = facts.create_time == 0 || identity.create_time == 0 ||
                            identity.create_time == facts.create_time;
  if (identity.id != facts.id || identity.process_id != process_id || !is_same_time)
    return NotOpened{Outcome::gone, {}, "it has ended, and its ID was given to another thread"};
  if (identity.ended) return NotOpened{Outcome::gone, {}, "it has ended"};
  return std::nullopt;
}

}  // namespace

std::expected<Owned, NotOpened> open_listed_thread(System& system, const ThreadFacts& facts,
                                                   std::uint32_t process_id, std::uint32_t access) {
  const auto opened = system.open_thread(facts.id, access);
  if (!opened)
    return std::unexpected(NotOpened{outcome_of_opening(opened.error()), opened.error(),
                                     status_text(opened.error(), Call::open_thread)});
  Owned handle(system, *opened);
  const auto identity = system.identify_thread(handle.get());
  if (!identity)
    return std::unexpected(NotOpened{Outcome::failed, identity.error(),
                                     status_text(identity.error(), Call::identify_thread)});
  if (auto other = other_than(facts, process_id, *identity))
    return std::unexpected(std::move(*other));
  return handle;
}

}  // namespace ntstack::capture
