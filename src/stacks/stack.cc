#include "stacks/stack.h"

namespace ntstack::stacks {

std::string_view name_of(End end) {
  switch (end) {
    case End::base:
      return "base";
    case End::user_mode:
      return "user_mode";
    case End::memory_missing:
      return "memory_missing";
    case End::lost:
      return "lost";
    case End::frame_limit:
      return "frame_limit";
  }
  return "unknown";
}

std::string_view name_of(Start start) {
  switch (start) {
    case Start::crash_context:
      return "crash_context";
    case Start::processor_context:
      return "processor_context";
    case Start::thread_context:
      return "thread_context";
    case Start::switch_frame:
      return "switch_frame";
    case Start::search:
      return "search";
    case Start::interrupted:
      return "interrupted";
    case Start::given:
      return "given";
    case Start::none:
      return "none";
  }
  return "unknown";
}

}  // namespace ntstack::stacks
