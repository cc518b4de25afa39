// One file of one server, downloaded into a slot of a store: goes on where an earlier attempt
// stopped, tries again after failures that may pass, and stops what can't be a symbol file.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>

#include "store/http.h"
#include "store/slot.h"

namespace ntstack::store {

struct Retries {
  int most = 4;                               // attempts without progress
  std::chrono::milliseconds first_wait{500};  // doubled each time; a server may ask for longer
};

struct Downloaded {
  enum class Status : std::uint8_t {
    whole,       // it is in Slot::part
    absent,      // the server has no such file
    refused,     // the server will not give it (401, 403), or it is no symbol file
    failed,      // this server may have it, but did not give it
    distrusted,  // its certificate does not hold: nothing of this server is to be had
    cancelled
  };
  Status status = Status::failed;
  std::string reason;  // a phrase: "it answered 500"
};

// `received` counts bytes as they come. Whoever calls holds the slot's lock.
Downloaded download(http::Client& client, const std::string& url, const Slot& slot,
                    const Retries& retries, const std::atomic<bool>& cancelled,
                    std::atomic<std::uint64_t>& received);

// What Slot::part holds, checked and put to its destination; a cabinet is expanded. What does not
// pass is dropped: an error says why.
base::Result<void> finish(const Slot& slot, std::string_view name, const Check& check);

// Forgets what was downloaded so far.
void drop_part(const Slot& slot);

}  // namespace ntstack::store
