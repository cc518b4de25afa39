// Parts that JSON documents have in common.
#pragma once

#include <nlohmann/json.hpp>
#include <vector>

#include "report/facts.h"

namespace ntstack::report {

nlohmann::ordered_json header_json(const DumpFacts& facts);    // schema_version, dump
nlohmann::ordered_json bugcheck_json(const DumpFacts& facts);  // null: there was none
// thread and process
nlohmann::ordered_json owner_json(const target::Machine& machine, const target::Thread* thread);
// Null: there is none.
nlohmann::ordered_json exception_json(const DumpFacts& facts,
                                      const std::optional<dump::ExceptionRecord>& exception);
// A stack of one dump, with its frames.
nlohmann::ordered_json stack_json(const target::Machine& machine, const stacks::Stack& stack);
nlohmann::ordered_json missing_json(const std::vector<symbols::Missing>& missing);

}  // namespace ntstack::report
