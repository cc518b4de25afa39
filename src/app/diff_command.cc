#include "app/diff_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "analysis/movements.h"
#include "app/exit_code.h"
#include "app/output.h"
#include "app/terminal.h"
#include "app/walked.h"
#include "base/text.h"
#include "report/movements.h"

namespace ntstack::app {
namespace {

namespace fs = std::filesystem;

// The captures of a folder of captures, by name.
std::vector<std::string> captures_in(const fs::path& folder) {
  std::vector<std::string> found;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    std::error_code ignored;
    const std::string extension = base::lower(base::path_text(entry->path().extension()));
    const bool is_capture =
        entry->is_directory(ignored) ? extension != ".partial" : extension == ".zip";
    if (is_capture) found.push_back(base::path_text(entry->path()));
  }
  std::ranges::sort(found);
  return found;
}

base::Result<std::vector<std::string>> captures_of(const std::vector<std::string>& named) {
  std::vector<std::string> captures = named;
  if (named.size() == 1) captures = captures_in(base::path_from_utf8(named.front()));
  if (captures.size() < 2)
    return base::fail(
        "two captures or more are compared: name them, or one folder with as many in it, as "
        "capture --count writes it");
  return captures;
}

// What the captures' own records say of how often a thread ran.
analysis::Snapshot snapshot_of(const Walked& walked) {
  using Cid = std::pair<std::uint64_t, std::uint64_t>;
  std::map<Cid, std::uint32_t> counts;
  for (const dump::Bundle& bundle : walked.set.bundles)
    for (const dump::BundleThread& thread : bundle.threads)
      counts.try_emplace({bundle.process.id, thread.id}, thread.context_switches);
  return {walked.stacks, [counts = std::move(counts)](const target::Thread& thread) {
            const auto found = counts.find({thread.process_id.value_or(0), thread.id.value_or(0)});
            return found == counts.end() ? std::nullopt : std::optional(found->second);
          }};
}

report::Look look_of(const std::string& name, const Walked& walked) {
  report::Look look;
  look.name = base::printable(base::file_name_of(name));
  if (!walked.set.bundles.empty()) look.time = walked.set.bundles.front().started;
  if (look.time == 0) look.time = walked.set.sessions.front().facts().dump.system_time.value_or(0);
  for (const stacks::Stack& stack : walked.stacks)
    if (!stack.frames.empty()) ++look.threads;
  return look;
}

}  // namespace

int run_diff(const DiffOptions& options, std::FILE* out, std::FILE* err) {
  const auto choice = ThreadChoice::of(options.threads);
  if (!choice) return wrong(choice.error(), err);
  const auto captures = captures_of(options.captures);
  if (!captures) return wrong(captures.error(), err);
  Downloads downloads(options.paths, err);
  std::vector<Walked> walked;
  std::vector<report::Look> looks;
  std::vector<analysis::Snapshot> snapshots;
  for (const std::string& capture : *captures) {
    const std::vector<std::string> one = {capture};
    auto walk = walk_dumps({one, options.paths, *choice, &downloads});
    if (!walk) return failed(walk.error(), err);
    walked.push_back(std::move(*walk));
    looks.push_back(look_of(capture, walked.back()));
  }
  for (const Walked& each : walked) snapshots.push_back(snapshot_of(each));
  const auto threads = analysis::compare(snapshots);
  if (options.json || options.json_lines)
    return write_list(report::movements_json(looks, threads), "/threads", "movement",
                      options.json_lines, out, err);
  return write(report::movements_text(looks, threads, {wants_colour(out), true}), out, err);
}

}  // namespace ntstack::app
