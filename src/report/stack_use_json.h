// Accounts of stacks as JSON, for documents that have them among other things.
#pragma once

#include <nlohmann/json.hpp>
#include <vector>

#include "report/stack_use.h"

namespace ntstack::report {

nlohmann::ordered_json accounts_json(const std::vector<StackUse>& accounts,
                                     const target::Machine& machine);

}  // namespace ntstack::report
