// The subcommands that open a dump, each as one function of its options.
#pragma once

#include <cstdio>
#include <string>
#include <vector>

#include "app/session.h"
#include "app/thread_choice.h"

namespace ntstack::app {

struct StacksOptions {
  // Dumps of one process or one machine, and folders of them; UTF-8.
  std::vector<std::string> dumps;
  std::string live;   // instead of dumps: a running process, by ID or name
  DumpOptions paths;  // its dump is not used
  ThreadOptions threads;
  bool json = false;
  bool json_lines = false;
  bool no_group = false;  // identical stacks one by one
};

struct ListOptions {
  DumpOptions dump;
  bool json = false;
  bool json_lines = false;  // of modules
};

struct ChosenOptions {
  DumpOptions dump;
  ThreadOptions threads;
  bool json = false;
  bool json_lines = false;
};

struct DoctorOptions {
  bool json = false;
};

// Each writes its answer to `out`, errors to `err`, and returns an ExitCode.
int run_stacks(const StacksOptions& options, std::FILE* out, std::FILE* err);
int run_info(const ListOptions& options, std::FILE* out, std::FILE* err);
int run_modules(const ListOptions& options, std::FILE* out, std::FILE* err);
int run_processes(const ChosenOptions& options, std::FILE* out, std::FILE* err);
int run_threads(const ChosenOptions& options, std::FILE* out, std::FILE* err);
// kFailed where kernel stacks can't be captured; elsewhere than on Windows kOk.
int run_doctor(const DoctorOptions& options, std::FILE* out, std::FILE* err);

}  // namespace ntstack::app
