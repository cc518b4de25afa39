// Handles of processes and threads, and what a thread tells of itself.
#pragma once

#include <expected>
#include <string>
#include <unordered_map>

#include "capture/system.h"

namespace ntstack::capture::windows {

std::expected<Handle, Status> open_process(std::uint32_t id, std::uint32_t access);
std::expected<Handle, Status> open_thread(std::uint32_t id, std::uint32_t access);
std::expected<ThreadIdentity, Status> identify_thread(Handle thread);
std::string thread_name(Handle thread);
std::expected<ThreadContext, Status> thread_context(Handle thread, bool wow64);

// Suspends threads, on Windows 11 and later so that the system resumes them even where this program
// is ended meanwhile.
class Suspensions {
 public:
  Status suspend(Handle thread);
  Status resume(Handle thread);

 private:
  std::unordered_map<Handle, Handle> state_changes_;  // by thread handle
};

}  // namespace ntstack::capture::windows
