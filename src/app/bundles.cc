#include "app/bundles.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "base/mapped_file.h"
#include "base/text.h"

namespace ntstack::app {
namespace {

namespace fs = std::filesystem;

using Cid = std::pair<std::uint64_t, std::uint64_t>;  // process and thread

Cid cid_of(const stacks::Stack& stack) {
  if (!stack.thread || !stack.thread->id) return {0, 0};
  return {stack.thread->process_id.value_or(0), *stack.thread->id};
}

// As `ntstack stacks` prints a thread's state.
std::string state_of(const dump::BundleThread& thread) {
  if (thread.wait_reason.empty()) return base::printable(thread.state);
  return fmt::format("WAIT: ({})", base::printable(thread.wait_reason));
}

}  // namespace

base::Result<std::optional<dump::Bundle>> bundle_in(const fs::path& folder) {
  const fs::path path = folder / dump::kBundleFile;
  std::error_code ignored;
  if (!fs::exists(path, ignored)) return std::nullopt;
  const auto file = base::MappedFile::open(path);
  if (!file) return std::unexpected(file.error());
  auto bundle = dump::parse_bundle(file->bytes());
  if (!bundle)
    return base::with_context(std::move(bundle.error()), "reading {}", base::path_text(path));
  return std::move(*bundle);
}

BundleDumps dumps_of(const dump::Bundle& bundle, const fs::path& folder) {
  BundleDumps dumps;
  for (const dump::BundleFile& file : bundle.files) {
    if (file.kind == dump::BundleFileKind::other) continue;
    const fs::path path = folder / base::path_from_utf8(file.name);
    std::error_code ignored;
    if (fs::is_regular_file(path, ignored)) {
      dumps.files.push_back(path);
    } else {
      dumps.notes.push_back(
          fmt::format("the capture wrote {}, and it is not in the folder: bring it there too",
                      base::printable(file.name)));
    }
  }
  for (const std::string& note : bundle.notes) dumps.notes.push_back(base::printable(note));
  return dumps;
}

void add_states(const std::vector<dump::Bundle>& bundles, std::vector<stacks::Stack>& stacks) {
  if (bundles.empty()) return;
  std::map<Cid, const dump::BundleThread*> listed;
  for (const dump::Bundle& bundle : bundles)
    for (const dump::BundleThread& thread : bundle.threads)
      listed.try_emplace({bundle.process.id, thread.id}, &thread);
  for (stacks::Stack& stack : stacks) {
    const auto found = listed.find(cid_of(stack));
    if (found == listed.end()) continue;
    const dump::BundleThread& thread = *found->second;
    // An ID that a later thread has is not this one's.
    if (thread.object != 0 && stack.thread->address != 0 && thread.object != stack.thread->address)
      continue;
    if (stack.thread_name.empty()) stack.thread_name = thread.name;
    stack.listed_state = state_of(thread);
  }
}

std::vector<report::MissingThread> missing_in(const std::vector<dump::Bundle>& bundles,
                                              const std::vector<stacks::Stack>& stacks) {
  std::set<Cid> present;
  for (const stacks::Stack& stack : stacks)
    if (!stack.lacks_kernel_stack && !stack.frames.empty()) present.insert(cid_of(stack));
  std::vector<report::MissingThread> missing;
  for (const dump::Bundle& bundle : bundles) {
    for (const dump::BundleThread& thread : bundle.threads) {
      if (present.contains({bundle.process.id, thread.id})) continue;
      std::string reason = base::printable(thread.reason);
      if (reason.empty()) reason = "the capture's dumps have no stack of it";
      missing.push_back({thread.id, bundle.process.id, std::move(reason)});
    }
  }
  return missing;
}

}  // namespace ntstack::app
