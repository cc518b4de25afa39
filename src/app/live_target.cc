#include "app/live_target.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "app/exit_code.h"
#include "app/interrupt.h"
#include "app/output.h"
#include "app/running_process.h"
#include "base/text.h"

namespace ntstack::app {

std::vector<std::string> folders_of(const std::vector<dump::ModuleRecord>& modules) {
  std::vector<std::string> folders;
  for (const dump::ModuleRecord& module : modules) {
    const std::string_view path = module.path;
    const std::string folder(path.substr(0, path.size() - base::file_name_of(path).size()));
    if (!folder.empty() && std::ranges::find(folders, folder) == folders.end())
      folders.push_back(folder);
  }
  return folders;
}

std::expected<LiveTarget, int> LiveTarget::open(std::unique_ptr<capture::System> system,
                                                const std::string& text, std::FILE* err) {
  if (!can_look_at_processes(system.get(), err)) return std::unexpected(kFailed);
  const auto chosen = choose_process(*system, text, err);
  if (!chosen) return std::unexpected(chosen.error());
  const Interrupt interrupt;
  auto process = capture::LiveProcess::take(*system, *chosen, &interrupt.requested());
  if (!process) return std::unexpected(failed(process.error(), err));
  LiveTarget target;
  target.system_ = std::move(system);
  target.process_ = std::make_unique<capture::LiveProcess>(std::move(*process));
  target.name_ = fmt::format("{} (process {})", base::file_name_of(chosen->name), chosen->id);
  return target;
}

DumpSet LiveTarget::opened(const DumpOptions& paths) const {
  DumpOptions options = paths;
  options.dump = name_;
  dump::Dump dump = process_->dump();
  options.folders = folders_of(dump.modules);
  DumpSet set;
  set.sessions.push_back(Session::over(std::move(dump), options));
  return set;
}

}  // namespace ntstack::app
