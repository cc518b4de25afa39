// The subcommands that open a dump, each as one function of its options.
#pragma once

#include <cstdio>
#include <string>

#include "app/session.h"

namespace ntstack::app {

struct StacksOptions {
  DumpOptions dump;
  std::string thread;  // an ID (decimal, or hexadecimal with 0x) or an object's address; empty: all
  bool json = false;
  bool group = true;
};

struct ListOptions {
  DumpOptions dump;
  bool json = false;
};

// Each writes its answer to `out`, errors to `err`, and returns an ExitCode.
int run_stacks(const StacksOptions& options, std::FILE* out, std::FILE* err);
int run_info(const ListOptions& options, std::FILE* out, std::FILE* err);
int run_modules(const ListOptions& options, std::FILE* out, std::FILE* err);

}  // namespace ntstack::app
