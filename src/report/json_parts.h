// Parts that JSON documents have in common.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

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

// {thread, thread_id, process_id, process}: which thread a stack is of.
nlohmann::ordered_json thread_reference_json(const stacks::Stack& stack);
// Of several dumps: those behind the first.
nlohmann::ordered_json more_dumps_json(const StackFacts& facts);

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
