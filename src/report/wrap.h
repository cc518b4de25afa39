// Paragraphs of text in lines that fit a terminal.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace ntstack::report {

// The words of `text` in lines of at most `width` bytes where words allow, the first behind
// `first`, the others behind as many spaces; each line ends in a line feed.
std::string wrapped(std::string_view text, std::string_view first, std::size_t width = 80);

}  // namespace ntstack::report
