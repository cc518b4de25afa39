// What reads the objects that threads of several dumps wait for.
#pragma once

#include <memory>
#include <vector>

#include "analysis/wait_graph.h"
#include "app/session.h"

namespace ntstack::app {

// Of the sessions, which outlive it; kernel dumps of one boot share their addresses.
class WaitSources {
 public:
  explicit WaitSources(std::vector<Session>& sessions);
  std::span<const analysis::WaitSource> sources() const { return sources_; }

 private:
  std::vector<std::unique_ptr<analysis::WaitReader>> readers_;
  std::vector<analysis::WaitSource> sources_;
};

}  // namespace ntstack::app
