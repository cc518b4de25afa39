// A report as one page of HTML: nothing is loaded from anywhere.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace ntstack::report {

// Of a report_document. What is in it stays text, whatever it is.
std::string html_page(const nlohmann::ordered_json& document);

}  // namespace ntstack::report
