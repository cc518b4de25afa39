// The facts as JSON, in the schema of docs/schema/ntstack.schema.json: addresses and codes are
// "0x..." strings, what is unknown is null.
#pragma once

#include <string>

#include "report/facts.h"
#include "report/lists.h"
#include "stacks/file_needs.h"

namespace ntstack::report {

// Whole documents, indented, with a newline at the end; always valid UTF-8.
std::string info_json(const DumpFacts& facts);
std::string modules_json(const DumpFacts& facts);
std::string stacks_json(const StackFacts& facts);
std::string processes_json(const DumpFacts& facts,
                           const std::vector<const target::Process*>& processes);
std::string threads_json(const DumpFacts& facts, const std::vector<ThreadEntry>& threads);
std::string symbol_check_json(const DumpFacts& facts, const std::vector<stacks::FileNeeds>& needs);

}  // namespace ntstack::report
