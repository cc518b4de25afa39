// The page's parts, from src/report/page: made into the program by CMake.
#pragma once

#include <string_view>

namespace ntstack::report {

std::string_view page_html();
std::string_view page_css();
std::string_view page_js();

}  // namespace ntstack::report
