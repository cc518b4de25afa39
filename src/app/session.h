// A dump opened for a command: the dump, its machine and its symbols, kept together.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "dump/dump.h"
#include "report/facts.h"
#include "stacks/user_part.h"
#include "store/fetch.h"
#include "symbols/symbolizer.h"
#include "target/machine.h"

namespace ntstack::app {

class UnpackedZips;

struct DumpOptions {
  std::string dump;         // path, UTF-8
  std::string symbol_path;  // -y, else _NT_SYMBOL_PATH
  std::string image_path;   // -i, else _NT_EXECUTABLE_IMAGE_PATH; the symbol path stands behind it
  bool ms_symbols = false;  // Microsoft's server stands behind the symbol path
  bool offline = false;     // no server is asked
  bool quiet = false;       // nothing is said of downloads
  // Looked in last, for both: where a running process has its images from. UTF-8.
  std::vector<std::string> folders = {};
  // What servers answered so far; outlives the session. Null: none was asked.
  const store::Answers* answers = nullptr;
  // A store that is looked in last: of what came and the path's stores do not take; outlives the
  // session. Null or empty: none.
  const std::string* spare_store = nullptr;
  // Where zips that are opened again and again are unpacked once. Null: by each opening anew.
  UnpackedZips* unpacked = nullptr;
};

// What stands for them, in WinDbg's syntax: also from the environment.
std::string symbol_path_text(const DumpOptions& options);
std::string image_path_text(const DumpOptions& options);
// Both paths, parsed, and what servers answered.
symbols::Places places_of(const DumpOptions& options);

class Session {
 public:
  static base::Result<Session> open(const DumpOptions& options);
  // Over a dump that is open already; options.dump is what to call it.
  static Session over(dump::Dump dump, const DumpOptions& options);

  bool is_user_dump() const { return dump_->kind == dump::Kind::minidump; }
  const target::Machine& machine() const { return *machine_; }
  symbols::Symbolizer& symbolizer() { return *symbolizer_; }
  // What the kernel's structures are read by and is not at hand: nt's PDB, or its image that tells
  // which. Empty where the dump's stacks are read without them.
  std::vector<store::Wanted> lacking_kernel_files();
  // For the images of processes, by the same paths.
  stacks::SymbolizerMaker symbolizer_maker() const;
  report::DumpFacts facts() const { return {*dump_, *machine_, *symbolizer_, file_name_}; }

 private:
  Session() = default;
  std::string file_name_;
  symbols::Places places_;  // without memory
  std::unique_ptr<dump::Dump> dump_;
  std::unique_ptr<target::Kernel> kernel_;
  std::unique_ptr<symbols::Symbolizer> symbolizer_;
  std::unique_ptr<target::Machine> machine_;
};

}  // namespace ntstack::app
