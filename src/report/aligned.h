// Columns of text.
#pragma once

#include <string>
#include <vector>

namespace ntstack::report {

using Row = std::vector<std::string>;

// Columns as wide as their widest cell; those of `right` are flush right. No line ends in a space.
std::string aligned(const std::vector<Row>& rows, const std::vector<bool>& right);

}  // namespace ntstack::report
