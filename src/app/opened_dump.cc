#include "app/opened_dump.h"

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <utility>

#include "stacks/file_needs.h"

namespace ntstack::app {
namespace {

// What the first stack wants of the servers: what `k` shows is worth waiting for.
std::vector<store::Wanted> wanted_at_first(Session& session, const Downloads& downloads) {
  stacks::Walker walker(session.machine(), session.symbolizer(), session.symbolizer_maker());
  std::vector<stacks::Stack> walked;
  for (const target::Processor& processor : session.machine().processors())
    if (processor.crashed) walked.push_back(walker.walk_processor(processor));
  const auto is_hopeless = [&](const store::Wanted& file) { return downloads.is_hopeless(file); };
  const auto symbolizer_of = [&](const stacks::Stack& stack, const stacks::Frame& frame) {
    return walker.symbolizer_of(stack, frame);
  };
  std::vector<store::Wanted> wanted = session.lacking_kernel_files();
  std::ranges::copy(files_of(file_needs(walked, symbolizer_of, is_hopeless, true), is_hopeless),
                    std::back_inserter(wanted));
  return wanted;
}

base::Result<Session> session_of(const DumpOptions& options, Downloads& downloads) {
  DumpOptions paths = options;
  downloads.serve(paths);
  while (true) {
    auto session = Session::open(paths);
    if (!session || !downloads.are_possible() || downloads.was_interrupted()) return session;
    if (downloads.get(wanted_at_first(*session, downloads)).empty()) return session;
  }
}

}  // namespace

base::Result<OpenedDump> OpenedDump::open(const DumpOptions& options, std::FILE* err) {
  OpenedDump opened;
  opened.options_ = options;
  opened.err_ = err;
  if (const auto done = opened.reopen(opened.paths()); !done) return std::unexpected(done.error());
  return opened;
}

console::Target OpenedDump::target() {
  return {&session_->machine(), &session_->symbolizer(), walker_.get(),
          session_->symbolizer_maker(), session_->facts().file_name};
}

console::SymbolPaths OpenedDump::paths() const {
  return {symbol_path_text(options_), image_path_text(options_)};
}

base::Result<console::Target> OpenedDump::reopen(const console::SymbolPaths& paths) {
  DumpOptions options = options_;
  options.symbol_path = paths.symbols;
  options.image_path = paths.images;
  options.ms_symbols = false;  // the path has it
  auto downloads = std::make_unique<Downloads>(options, err_);
  auto session = session_of(options, *downloads);
  if (!session) return std::unexpected(session.error());
  auto owned = std::make_unique<Session>(std::move(*session));
  auto walker = std::make_unique<stacks::Walker>(owned->machine(), owned->symbolizer(),
                                                 owned->symbolizer_maker());
  // In the order in which they may go.
  walker_ = std::move(walker);
  session_ = std::move(owned);
  downloads_ = std::move(downloads);
  return target();
}

std::size_t OpenedDump::fetch(const std::vector<store::Wanted>& files) {
  if (!can_fetch()) return 0;
  const auto fetched = downloads_->get(files);
  return static_cast<std::size_t>(
      std::ranges::count(fetched, store::Fetched::Status::fetched, &store::Fetched::status));
}

}  // namespace ntstack::app
