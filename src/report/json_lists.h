// The parts of the JSON of `ntstack processes` and `ntstack threads`.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "report/lists.h"

namespace ntstack::report {

nlohmann::ordered_json process_list(const target::Machine& machine,
                                    const std::vector<const target::Process*>& processes);
nlohmann::ordered_json thread_list(const target::Machine& machine,
                                   const std::vector<ThreadEntry>& threads);
nlohmann::ordered_json clock_json(const target::Machine& machine);

}  // namespace ntstack::report
