#include "app/capture_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "app/live_target.h"
#include "app/walked.h"
#include "base/out_file.h"
#include "base/partial.h"
#include "base/text.h"
#include "base/zip_writer.h"
#include "capture/live_process.h"
#include "report/json.h"
#include "report/text.h"
#include "stacks/walker.h"

namespace ntstack::app {
namespace {

namespace fs = std::filesystem;

base::Result<void> add_file(const fs::path& folder, const std::string& name,
                            const std::string& text, dump::Bundle& bundle) {
  auto file = base::OutFile::open(folder / base::path_from_utf8(name));
  if (!file) return std::unexpected(std::move(file.error()));
  if (auto written = file->write(base::Bytes::of(text)); !written) return written;
  if (auto closed = file->close_durably(); !closed) return closed;
  dump::BundleFile listed;
  listed.name = name;
  listed.size = text.size();
  bundle.files.push_back(std::move(listed));
  return {};
}

bool has_frame(const stacks::Stack& stack, const std::string& lower_text) {
  return std::ranges::any_of(stack.frames, [&](const stacks::Frame& frame) {
    return base::lower(frame.symbol.text()).contains(lower_text);
  });
}

}  // namespace

base::Result<std::set<std::uint32_t>> threads_with_frame(capture::System& system,
                                                         const capture::ProcessFacts& process,
                                                         const std::string& text,
                                                         const DumpOptions& paths,
                                                         const std::atomic<bool>& cancel) {
  auto live = capture::LiveProcess::take(system, process, &cancel);
  if (!live) return std::unexpected(std::move(live.error()));
  DumpOptions options = paths;
  options.dump = process.name;
  dump::Dump dump = live->dump();
  options.folders = folders_of(dump.modules);
  Session session = Session::over(std::move(dump), options);
  stacks::Walker walker(session.machine(), session.symbolizer(), session.symbolizer_maker());
  const std::string wanted = base::lower(text);
  std::set<std::uint32_t> found;
  for (const stacks::Stack& stack : walker.walk_all({})) {
    if (stack.thread && stack.thread->id && has_frame(stack, wanted))
      found.insert(static_cast<std::uint32_t>(*stack.thread->id));
  }
  return found;
}

base::Result<void> write_report(const fs::path& folder, dump::Bundle& bundle,
                                const DumpOptions& paths, std::FILE* err) {
  const std::vector<std::string> dumps = {base::path_text(folder)};
  const auto all = ThreadChoice::of({});
  if (!all) return std::unexpected(all.error());
  Downloads downloads(paths, err);
  auto walked = walk_dumps({dumps, paths, *all, &downloads});
  if (!walked) return std::unexpected(std::move(walked.error()));
  const report::StackFacts facts = stack_facts_of(*walked, true);
  if (auto added = add_file(folder, "stacks.txt", report::stacks_text(facts, {}), bundle); !added)
    return added;
  return add_file(folder, "stacks.json", report::stacks_json(facts), bundle);
}

base::Result<void> zip_capture(const fs::path& folder, const fs::path& zip,
                               const std::atomic<bool>& cancel) {
  const auto pack = [&]() -> base::Result<void> {
    auto partial = base::Partial::beside(zip);
    if (!partial) return std::unexpected(std::move(partial.error()));
    if (auto packed = base::zip_folder(folder, partial->path(), &cancel); !packed) return packed;
    return partial->become(zip);
  };
  auto packed = pack();
  if (packed) {
    std::error_code ignored;
    fs::remove_all(folder, ignored);
    return {};
  }
  return base::with_context(std::move(packed.error()), "the capture stays in the folder {}",
                            base::path_text(folder));
}

}  // namespace ntstack::app
