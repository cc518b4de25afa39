// Lines that a user types or pastes: prompts in front taken off, commands told apart.
#pragma once

#include <string_view>
#include <vector>

namespace ntstack::console {

// Without a debugger's prompt: "3: kd> k" is "k", as pasted from a listing.
std::string_view without_prompt(std::string_view line);

// The commands of a line: ; separates them where it stands in no quotes and
// no braces. `*` at the beginning of a
// command makes the rest of the line a comment, `$$` what goes up to the next ;.
std::vector<std::string_view> commands_of(std::string_view line);

std::string_view without_blanks(std::string_view text);

}  // namespace ntstack::console
