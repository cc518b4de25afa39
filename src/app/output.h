// How commands end: with their answer written, or with a sentence why there is none.
#pragma once

#include <fmt/format.h>

#include <cstdio>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "report/json_lines.h"

namespace ntstack::app {

// False: it could not be written whole. The end of the program looks at that too, and says why.
bool put(std::string_view text, std::FILE* out);
bool flush(std::FILE* out);

template <class... Args>
void say(std::FILE* out, fmt::format_string<Args...> format, Args&&... args) {
  put(fmt::format(format, std::forward<Args>(args)...), out);
}

// Each returns the ExitCode that goes with it.
int write(const std::string& text, std::FILE* out, std::FILE* err);
// Lines as they come from `tell`, which is given what takes them.
int write_lines(const std::function<bool(const report::TakeLine&)>& tell, std::FILE* out,
                std::FILE* err);
// A document, or as lines that and the elements of its list (report::json_lines).
int write_list(const std::string& document, std::string_view list, std::string_view item,
               bool as_lines, std::FILE* out, std::FILE* err);
int failed(const base::Error& error, std::FILE* err);  // of a file
// Of what put() could not write: says why, but nothing where who reads it has gone.
int output_failed(std::FILE* err);
// Whether a mapped file could not be read any more, so that there is no answer: then that is said.
bool has_lost_file(std::FILE* err);
std::string lost_file_text(const std::string& name);  // the sentence
int wrong(const base::Error& error, std::FILE* err);  // of the command line

}  // namespace ntstack::app
