// memory_limit.h for Windows.
#include <windows.h>
//
#include "app/memory_limit.h"

namespace ntstack::app {

bool limit_memory(std::uint64_t bytes) {
  // The job lives as long as the process, which never closes it.
  const HANDLE job = ::CreateJobObjectW(nullptr, nullptr);
  if (!job) return false;
  JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits{};
  limits.BasicLimitInformation.LimitFlags = JOB_OBJECT_LIMIT_PROCESS_MEMORY;
  limits.ProcessMemoryLimit = static_cast<SIZE_T>(bytes);
  return ::SetInformationJobObject(job, JobObjectExtendedLimitInformation, &limits,
                                   sizeof limits) &&
         ::AssignProcessToJobObject(job, ::GetCurrentProcess());
}

}  // namespace ntstack::app
