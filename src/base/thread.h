// Threads where the system may have none left.
#pragma once

#include <optional>
#include <system_error>
#include <thread>
#include <utility>

namespace ntstack::base {

// Nothing where the thread can't be started: the work is then for those that are there.
template <class Run>
std::optional<std::jthread> try_thread(Run&& run) {
  try {
    return std::jthread(std::forward<Run>(run));
  } catch (const std::system_error&) {
    return std::nullopt;
  }
}

}  // namespace ntstack::base
