// Parts of analyze's JSON that other documents have too.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "analysis/analyze.h"

namespace ntstack::report {

nlohmann::ordered_json blame_json(const analysis::Blame& blame);
nlohmann::ordered_json signature_json(const std::optional<analysis::Signature>& signature);
nlohmann::ordered_json findings_json(const std::vector<analysis::Finding>& findings);

}  // namespace ntstack::report
