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
#include "capture/kernel_modules.h"
#include "capture/status_text.h"

namespace ntstack::app {
namespace {

constexpr capture::Status kNoDevice = 0xc0000034;  // STATUS_OBJECT_NAME_NOT_FOUND

}  // namespace

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

// Not a failure: the user stacks are worth having without.
void LiveTarget::take_kernel_stacks(const capture::ProcessFacts& process,
                                    const std::atomic<bool>& cancel) {
  constexpr capture::Status kNotInstalled = capture::status_of_win32(1060);
  const auto service = system_->driver_service();
  const bool is_absent = service ? !service->is_running : service.error() == kNotInstalled;
  if (is_absent) {  // which everybody may know
    note_ = "these are user stacks alone: " +
            capture::status_text(kNoDevice, capture::Call::open_driver);
    return;
  }
  const capture::ChosenThreads all{process.threads, 0, true};
  auto taken = capture::DriverStacks::take(*system_, process, all, {}, {{}, &cancel});
  if (!taken) {
    note_ = "these are user stacks alone: " + taken.error().text();
    return;
  }
  kernel_ = std::make_unique<capture::DriverStacks>(std::move(*taken));
  for (const dump::ModuleRecord& module : kernel_->dump().modules) {
    const auto file = capture::file_of_kernel_path(module.path, system_->system_root());
    std::string folder = base::path_text(file.parent_path());
    if (!folder.empty() && std::ranges::find(kernel_folders_, folder) == kernel_folders_.end())
      kernel_folders_.push_back(std::move(folder));
  }
}

std::expected<LiveTarget, int> LiveTarget::open(std::unique_ptr<capture::System> system,
                                                const std::string& text, std::FILE* err) {
  if (!can_look_at_processes(system.get(), err)) return std::unexpected(kFailed);
  const auto chosen = choose_process(*system, text, err);
  if (!chosen) return std::unexpected(chosen.error());
  const Interrupt interrupt;
  LiveTarget target;
  target.system_ = std::move(system);
  target.facts_ = *chosen;
  target.take_kernel_stacks(*chosen, interrupt.requested());
  auto process = capture::LiveProcess::take(*target.system_, *chosen, &interrupt.requested());
  if (!process) return std::unexpected(failed(process.error(), err));
  target.process_ = std::make_unique<capture::LiveProcess>(std::move(*process));
  target.name_ = fmt::format("{} (process {})", base::file_name_of(chosen->name), chosen->id);
  return target;
}

Session LiveTarget::kernel_session(const DumpOptions& paths) const {
  DumpOptions options = paths;
  options.dump = name_ + ", the kernel's half";
  options.folders = kernel_folders_;
  return Session::over(kernel_->dump(), options);
}

DumpSet LiveTarget::opened(const DumpOptions& paths) const {
  DumpOptions options = paths;
  options.dump = name_;
  dump::Dump dump = process_->dump();
  options.folders = folders_of(dump.modules);
  DumpSet set;
  if (!note_.empty()) set.notes.push_back(note_);
  if (kernel_) {
    set.sessions.push_back(kernel_session(paths));
    // As a capture's own record: how threads were listed, and why some have no kernel stack.
    dump::Bundle bundle;
    bundle.process.id = facts_.id;
    bundle.threads = capture::bundle_threads_of(kernel_->capture(), "");
    set.bundles.push_back(std::move(bundle));
  }
  set.sessions.push_back(Session::over(std::move(dump), options));
  return set;
}

}  // namespace ntstack::app
