// SeDebugPrivilege for as long as it is needed.
#pragma once

#include "capture/status_text.h"
#include "capture/system.h"

namespace ntstack::capture {

class DebugPrivilege {
 public:
  explicit DebugPrivilege(System& system) : system_(system) {
    const auto was_on = system.set_debug_privilege(true);
    if (was_on)
      turn_off_ = !*was_on;
    else
      status_ = was_on.error();
  }
  DebugPrivilege(const DebugPrivilege&) = delete;
  DebugPrivilege& operator=(const DebugPrivilege&) = delete;
  ~DebugPrivilege() {
    if (turn_off_) static_cast<void>(system_.set_debug_privilege(false));
  }

  Status status() const { return status_; }  // kSuccess: it is on

 private:
  System& system_;
  bool turn_off_ = false;
  Status status_ = kSuccess;
};

}  // namespace ntstack::capture
