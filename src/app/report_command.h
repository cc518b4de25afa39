// ntstack report: everything about a dump as one page of HTML.
#pragma once

#include <cstdio>
#include <string>
#include <vector>

#include "app/session.h"
#include "app/thread_choice.h"

namespace ntstack::app {

struct ReportOptions {
  std::vector<std::string> dumps;  // as those of `stacks`
  DumpOptions paths;               // its dump is not used
  ThreadOptions threads;
  std::string page;     // -o: the page's file
  std::string json;     // the document's file; empty: none is written
  bool redact = false;  // without names of users and hosts
};

int run_report(const ReportOptions& options, std::FILE* out, std::FILE* err);

}  // namespace ntstack::app
