// A dump that a console looks at: its session with what was downloaded for it, and opening it anew
// by other paths.
#pragma once

#include <cstdio>
#include <memory>

#include "app/downloads.h"
#include "app/session.h"
#include "console/console.h"
#include "stacks/walker.h"

namespace ntstack::app {

class OpenedDump {
 public:
  // `err`: where downloads are told of.
  static base::Result<OpenedDump> open(const DumpOptions& options, std::FILE* err);

  Session& session() { return *session_; }
  console::Target target();
  // The paths that options and the environment give, in WinDbg's syntax.
  console::SymbolPaths paths() const;

  // Opens the dump by other paths. An error leaves all as it is; else what target() gave before is
  // gone.
  base::Result<console::Target> reopen(const console::SymbolPaths& paths);
  // How many of the files came from servers; those that are here already do not count.
  std::size_t fetch(const std::vector<store::Wanted>& files);
  bool can_fetch() const { return downloads_->are_possible(); }

 private:
  OpenedDump() = default;
  DumpOptions options_;
  std::FILE* err_ = nullptr;
  std::unique_ptr<Downloads> downloads_;  // outlives the session
  std::unique_ptr<Session> session_;
  std::unique_ptr<stacks::Walker> walker_;
};

}  // namespace ntstack::app
