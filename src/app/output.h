// How commands end: with their answer written, or with a sentence why there is none.
#pragma once

#include <cstdio>
#include <string>

#include "base/error.h"

namespace ntstack::app {

// Each returns the ExitCode that goes with it.
int write(const std::string& text, std::FILE* out, std::FILE* err);
int failed(const base::Error& error, std::FILE* err);  // of a file
int wrong(const base::Error& error, std::FILE* err);   // of the command line

}  // namespace ntstack::app
