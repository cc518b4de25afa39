// The addresses of a symbol server's files, and how a server is named to people.
#pragma once

#include <string>
#include <string_view>

namespace ntstack::store {

// A name as a part of a URL: percent-encoded wherever it is not a letter, a digit or one of "-._~".
std::string url_part(std::string_view name);

// "https://server/symbols" and "a.pdb", "KEY", "a.pd_". `tier`: the folder of a three-tier store,
// else empty. What the server's address has behind a '?' (a token) comes last.
std::string url_of(std::string_view server, std::string_view tier, std::string_view name,
                   std::string_view key, std::string_view file);

// A URL without the name, password and token that it may have, for messages.
std::string shown(std::string_view url);

}  // namespace ntstack::store
