// memory_limit.h for POSIX.
#include "app/memory_limit.h"

#include <sys/resource.h>

namespace ntstack::app {

bool limit_memory(std::uint64_t bytes) {
#if defined(__SANITIZE_ADDRESS__)
  return static_cast<void>(bytes), false;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
  return static_cast<void>(bytes), false;
#endif
#endif
  const rlimit limit{bytes, bytes};
  return ::setrlimit(RLIMIT_DATA, &limit) == 0;
}

}  // namespace ntstack::app
