#include "base/partial.h"

#include <fmt/format.h>

#include <algorithm>
#include <system_error>
#include <utility>

#include "base/text.h"

namespace ntstack::base {
namespace {

namespace fs = std::filesystem;

fs::path with(fs::path path, const char* ending) {
  path += ending;
  return path;
}

bool has_dump(const fs::path& folder) {
  std::error_code failed;
  for (fs::directory_iterator at(folder, failed); !failed && at != fs::directory_iterator();
       at.increment(failed))
    if (equals_ignoring_case(path_text(at->path().extension()), ".dmp")) return true;
  return false;
}

// Where links lead, so that they stay.
fs::path behind_links(const fs::path& path) {
  std::error_code failed;
  const fs::path there = fs::canonical(path, failed);
  return failed ? path : there;
}

}  // namespace

Result<Partial> Partial::beside(const fs::path& target) {
  constexpr int kMost = 100;
  for (int i = 1; i <= kMost; ++i) {
    const fs::path path = with(target, i == 1 ? ".partial" : fmt::format(".{}.partial", i).c_str());
    auto lock = LockFile::try_lock(with(path, ".lock"));
    if (!lock) return std::unexpected(std::move(lock.error()));
    if (!*lock) continue;
    std::error_code failed;
    const auto kind = fs::symlink_status(path, failed).type();
    if (kind == fs::file_type::regular) fs::remove(path, failed);
    if (kind != fs::file_type::regular && kind != fs::file_type::not_found) continue;
    Partial partial;
    partial.path_ = path;
    partial.lock_ = std::move(**lock);
    partial.unfinished_ = Unfinished(path);
    return partial;
  }
  return fail("{}.partial is there many times already: remove what is of no use",
              path_text(target));
}

Result<void> Partial::become(const fs::path& target) {
  std::error_code failed;
  fs::rename(path_, target, failed);
  if (!failed) {
    unfinished_.keep();
    return {};
  }
  return fail("can't put {} to its place {}: {}", path_text(path_), path_text(target),
              failed.message());
}

std::vector<fs::path> sweep_partials(const fs::path& folder) {
  constexpr std::string_view kEnding = ".partial.lock";
  std::vector<fs::path> stay;
  std::error_code failed;
  std::vector<fs::path> locks;
  for (fs::directory_iterator at(folder.empty() ? "." : folder, failed);
       !failed && at != fs::directory_iterator(); at.increment(failed))
    if (path_text(at->path().filename()).ends_with(kEnding)) locks.push_back(at->path());
  std::ranges::sort(locks);
  for (const fs::path& file : locks) {
    fs::path partial = file;
    partial.replace_extension();
    if (fs::is_directory(partial, failed) && has_dump(partial)) {
      stay.push_back(partial);
      // It is somebody's at work where its lock is.
      const auto lock = LockFile::try_lock(file);
      if (!lock || !*lock) stay.pop_back();
    } else if (const auto lock = LockFile::try_lock(file); lock && *lock) {
      fs::remove_all(partial, failed);
    }
  }
  return stay;
}

Result<void> write_whole(const fs::path& path, Bytes bytes) {
  const fs::path target = behind_links(path);
  std::error_code failed;
  const fs::file_status there = fs::status(target, failed);
  const bool is_new = there.type() == fs::file_type::not_found;
  const bool is_file = is_new || there.type() == fs::file_type::regular;
  // A folder that is not there is a mistake in the name: none is made.
  if (const fs::path folder = target.parent_path();
      !folder.empty() && !fs::is_directory(folder, failed))
    return fail("can't write {}: there is no folder {}", path_text(path), path_text(folder));
  std::optional<Partial> partial;
  if (is_file) {
    auto beside = Partial::beside(target);
    if (!beside) return with_context(std::move(beside.error()), "writing {}", path_text(path));
    partial = std::move(*beside);
  }
  auto file = OutFile::open(partial ? partial->path() : target);
  if (!file) return std::unexpected(std::move(file.error()));
  if (auto written = file->write(bytes); !written) return written;
  if (!partial) return file->close();
  if (auto closed = file->close_durably(); !closed) return closed;
  if (!is_new) fs::permissions(partial->path(), there.permissions(), failed);
  return partial->become(target);
}

}  // namespace ntstack::base
