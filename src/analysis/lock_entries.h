// Threads' lock entries (KLOCK_ENTRY): who has which push lock. A push lock itself names no owner;
// since Windows 8.1 each thread has entries for those that it has, which only nt's types tell how
// to read.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "analysis/kernel_view.h"

namespace ntstack::analysis {

class LockEntries {
 public:
  // Reads those of all threads.
  explicit LockEntries(const KernelView& view);
  // Threads that have the lock.
  std::span<const std::uint64_t> holders_of(std::uint64_t lock) const;
  // A sentence, where there are none.
  const std::string& why_not_known() const { return why_not_known_; }

 private:
  std::unordered_map<std::uint64_t, std::vector<std::uint64_t>> holders_;  // by lock
  std::string why_not_known_;
};

}  // namespace ntstack::analysis
