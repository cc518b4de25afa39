// How commands end: with their answer written, or with a sentence why there is none.
#pragma once

#include <cstdio>
#include <functional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "report/json_lines.h"

namespace ntstack::app {

// Each returns the ExitCode that goes with it.
int write(const std::string& text, std::FILE* out, std::FILE* err);
// Lines as they come from `tell`, which is given what takes them.
int write_lines(const std::function<bool(const report::TakeLine&)>& tell, std::FILE* out,
                std::FILE* err);
// A document, or as lines that and the elements of its list (report::json_lines).
int write_list(const std::string& document, std::string_view list, std::string_view item,
               bool as_lines, std::FILE* out, std::FILE* err);
int failed(const base::Error& error, std::FILE* err);  // of a file
int wrong(const base::Error& error, std::FILE* err);   // of the command line

}  // namespace ntstack::app
