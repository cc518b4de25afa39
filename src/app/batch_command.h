// ntstack batch: many dumps, each a line of JSON, on all processors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <iosfwd>
#include <string>
#include <vector>

#include "app/session.h"

namespace ntstack::app {

struct BatchOptions {
  std::vector<std::string> dumps;     // files, folders, "-" for paths on standard input
  DumpOptions paths;                  // its dump is not used
  std::string output;                 // where lines go, and go on; empty: standard output
  std::string sqlite;                 // a database of the same; empty: none
  bool results = false;               // `dumps` are files of lines that were written before
  bool retry = false;                 // looks again at what had no answer
  std::uint32_t jobs = 0;             // 0: as many as there are processors
  std::uint32_t time_limit = 60;      // seconds for a dump
  std::uint32_t memory_limit = 4096;  // MB for a dump; 0: none
  std::size_t top = 20;               // signatures that are shown
  bool is_worker = false;             // one of those that the batch starts
};

int run_batch(const BatchOptions& options, std::istream& in, std::FILE* out, std::FILE* err);

}  // namespace ntstack::app
