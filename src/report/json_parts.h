// Parts that JSON documents have in common.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "analysis/wait_words.h"
#include "report/facts.h"

namespace ntstack::report {

// What is unknown is null.
template <class T>
nlohmann::ordered_json or_null(const std::optional<T>& value) {
  return value ? nlohmann::ordered_json(*value) : nlohmann::ordered_json(nullptr);
}
// Empty is null. Control characters are question marks, as in text.
nlohmann::ordered_json text_or_null(std::string_view text);
nlohmann::ordered_json texts_json(const std::vector<std::string>& texts);

// Of several dumps: those behind the first.
nlohmann::ordered_json more_dumps_json(const StackFacts& facts);

nlohmann::ordered_json header_json(const DumpFacts& facts);    // schema_version, dump
nlohmann::ordered_json bugcheck_json(const DumpFacts& facts);  // null: there was none
// thread and process
nlohmann::ordered_json owner_json(const target::Machine& machine, const target::Thread* thread);
// Null: there is none.
nlohmann::ordered_json exception_json(const DumpFacts& facts,
                                      const std::optional<dump::ExceptionRecord>& exception);
// A stack with its frames; `is_of_set`: of several dumps, so that it says of which.
nlohmann::ordered_json whole_stack_json(const target::Machine& machine, const stacks::Stack& stack,
                                        bool is_of_set = false);
// The thread and its process of a stack, without more: null where unknown.
nlohmann::ordered_json thread_reference_json(const stacks::Stack& stack);
nlohmann::ordered_json waits_json(const std::optional<analysis::WaitWords>& waits);
nlohmann::ordered_json missing_json(const std::vector<symbols::Missing>& missing);

}  // namespace ntstack::report
