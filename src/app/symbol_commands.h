// `ntstack symbols check|fetch|list|import`: the files that a dump's stacks want.
#pragma once

#include <cstdio>
#include <string>
#include <vector>

#include "app/session.h"

namespace ntstack::app {

struct SymbolsOptions {
  std::vector<std::string> dumps;  // files and folders, UTF-8; of import: files and folders to take
  DumpOptions paths;               // its dump is not used
  bool all = false;                // every module, not those of the stacks alone
  bool json = false;
  bool again = false;  // also what servers are remembered not to have
  std::string script;  // "sh" or "powershell"; empty: a list
  std::string store;   // where import puts files; empty: where the symbol path keeps downloads
};

// Each writes its answer to `out`, errors and what it does to `err`, and returns an ExitCode.
int run_symbols_check(const SymbolsOptions& options, std::FILE* out, std::FILE* err);
int run_symbols_fetch(const SymbolsOptions& options, std::FILE* out, std::FILE* err);
int run_symbols_list(const SymbolsOptions& options, std::FILE* out, std::FILE* err);
int run_symbols_import(const SymbolsOptions& options, std::FILE* out, std::FILE* err);

}  // namespace ntstack::app
