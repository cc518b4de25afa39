// A handle to a thread as the system listed it: IDs are used again, even in another process.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>

#include "capture/system.h"
#include "capture/triage_batches.h"

namespace ntstack::capture {

// Why there is none.
struct NotOpened {
  Outcome outcome = Outcome::failed;
  std::optional<Status> status;  // of the call that failed; nothing where it is another thread
  std::string text;
};

// `access`: the thread's rights. The thread is `facts`'s, of the process, and has not ended.
std::expected<Owned, NotOpened> open_listed_thread(System& system, const ThreadFacts& facts,
                                                   std::uint32_t process_id, std::uint32_t access);

}  // namespace ntstack::capture
