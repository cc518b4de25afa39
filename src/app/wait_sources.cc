#include "app/wait_sources.h"

#include "stacks/origin.h"

namespace ntstack::app {

WaitSources::WaitSources(std::vector<Session>& sessions) {
  std::vector<stacks::Origin> origins;
  for (Session& session : sessions) {
    const analysis::KernelView view(session.machine(), session.symbolizer());
    readers_.push_back(std::make_unique<analysis::WaitReader>(view, session.symbolizer_maker()));
    const stacks::Origin origin = stacks::origin_of(session.machine());
    auto machine = static_cast<std::uint32_t>(origins.size());
    for (std::uint32_t i = 0; i < origins.size() && !origin.is_user; ++i)
      if (!origins[i].is_user && stacks::difference(origins[i], origin).empty()) {
        machine = i;
        break;
      }
    origins.push_back(origin);
    sources_.push_back({readers_.back().get(), machine});
  }
}

}  // namespace ntstack::app
