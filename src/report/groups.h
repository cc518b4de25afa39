// Groups of the same and of nearly the same stacks, of one dump or many, as text and as JSON.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "analysis/stack_groups.h"
#include "report/facts.h"
#include "report/text.h"

namespace ntstack::report {

struct GroupFacts {
  const StackFacts& stacks;
  std::vector<analysis::StackGroup> groups;
  std::vector<analysis::SimilarStacks> similar;
};
GroupFacts group_facts(const StackFacts& stacks);

nlohmann::ordered_json difference_json(const analysis::FrameDifference& difference);

// `most`: how many of them are shown.
std::string groups_text(const GroupFacts& facts, const TextStyle& style, std::size_t most);
// All of them.
std::string groups_json(const GroupFacts& facts);

}  // namespace ntstack::report
