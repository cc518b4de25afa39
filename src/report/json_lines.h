// Documents as a stream: a line for what stands around their list, and a line for each element of
// it.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "report/facts.h"

namespace ntstack::report {

// Takes a line with its line feed; false: no more is wanted.
using TakeLine = std::function<bool(const std::string& line)>;

// {"type": "header", "document": the document with its list empty}, then for each element
// {"type": item, item: the element}. `list` is a JSON pointer: "/graph/waits". False where no more
// was wanted.
bool json_lines(const std::string& document, std::string_view list, std::string_view item,
                const TakeLine& take);

// The same of stacks_json with the list "stacks", one stack at a time.
bool stacks_json_lines(const StackFacts& facts, const TakeLine& take);

}  // namespace ntstack::report
