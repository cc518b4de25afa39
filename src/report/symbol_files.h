// `ntstack symbols`: which files stacks lack and what that costs them, as text, as JSON and as a
// script that gets them on another machine.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "stacks/file_needs.h"
#include "store/fetch.h"

namespace ntstack::report {

// A line for each module, and what it adds up to.
std::string symbol_check_text(const std::vector<stacks::FileNeeds>& needs);
// The part of the JSON of `ntstack symbols check`.
nlohmann::ordered_json symbol_file_list(const std::vector<stacks::FileNeeds>& needs);

// "name/KEY/name" and the address on each server, a line each.
std::string symbol_list_text(const std::vector<store::Wanted>& files,
                             const std::vector<std::string>& servers);

enum class Shell : std::uint8_t { posix, powershell };

// A script for a machine with the network, which makes a folder "symbols" for `ntstack symbols
// import`. Names come from a dump and are quoted. `of`: the dump's name, for people.
std::string symbol_script(const std::vector<store::Wanted>& files,
                          const std::vector<std::string>& servers, const std::string& of,
                          Shell shell);

}  // namespace ntstack::report
