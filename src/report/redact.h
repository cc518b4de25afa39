// Takes out of a document what tells who and where: for people who may not send a dump.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace ntstack::report {

// The text without names of users in paths ("C:\Users\(user)\a.pdb", "/home/(user)/a") and without
// hosts of UNC paths and URLs ("\\(host)\share"). The rest stays as it is.
std::string redacted(std::string_view text);

// The same for every string of the document; the dump's comment, which may be anything, is null,
// and paths of dumps are their names alone. `folders`: where the user's files lie, as they may be
// named in the document; a file in one is its name alone, a folder itself "(folder)".
void redact(nlohmann::ordered_json& document, std::vector<std::string> folders = {});

}  // namespace ntstack::report
