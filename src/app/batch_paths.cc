#include "app/batch_paths.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <fstream>
#include <istream>
#include <string_view>

#include "base/text.h"

namespace ntstack::app {
namespace {

namespace fs = std::filesystem;

// By its name, so that one whose first bytes are damaged is told of; else by its first bytes.
bool may_be_dump(const fs::path& path) {
  constexpr std::string_view kExtensions[] = {".dmp", ".mdmp", ".hdmp", ".kdmp", ".vmem", ".lime"};
  const std::string extension = base::lower(base::path_text(path.extension()));
  if (std::ranges::find(kExtensions, extension) != std::end(kExtensions)) return true;
  std::array<char, 8> begin{};
  std::ifstream(path, std::ios::binary).read(begin.data(), begin.size());
  const std::string_view text(begin.data(), begin.size());
  return text.starts_with("PAGEDUMP") || text.starts_with("PAGEDU64") || text.starts_with("MDMP");
}

}  // namespace

report::BatchFile batch_file(const std::string& path) {
  std::error_code error;
  const fs::path file = base::path_from_utf8(path);
  report::BatchFile found{path, fs::file_size(file, error), 0};
  if (error) found.size = 0;
  const auto modified = fs::last_write_time(file, error);
  if (!error)
    found.modified = std::chrono::duration_cast<std::chrono::seconds>(
                         std::chrono::file_clock::to_sys(modified).time_since_epoch())
                         .count();
  return found;
}

BatchPaths::BatchPaths(std::vector<std::string> named, std::istream& in)
    : named_(std::move(named)), in_(in) {}

std::optional<std::string> BatchPaths::next() {
  while (true) {
    if (in_folder_) {
      if (auto path = next_of_folder()) return path;
      in_folder_ = false;
    }
    if (in_list_) {
      std::string line;
      while (std::getline(in_, line)) {
        if (line.ends_with('\r')) line.pop_back();
        if (!line.empty()) return line;
      }
      in_list_ = false;
    }
    if (at_ == named_.size()) return std::nullopt;
    const std::string& name = named_[at_++];
    std::error_code error;
    if (name == "-") {
      in_list_ = true;
    } else if (const fs::path path = base::path_from_utf8(name); fs::is_directory(path, error)) {
      folder_ = fs::recursive_directory_iterator(
          path, fs::directory_options::skip_permission_denied, error);
      if (error) notes_.push_back(name + ": " + error.message());
      in_folder_ = !error;
    } else {
      return name;
    }
  }
}

std::optional<std::string> BatchPaths::next_of_folder() {
  std::error_code error;
  const fs::recursive_directory_iterator end;
  while (folder_ != end) {
    const fs::directory_entry entry = *folder_;
    folder_.increment(error);
    if (error) notes_.push_back("a folder could not be read whole: " + error.message());
    std::error_code ignored;
    if (!entry.is_regular_file(ignored)) continue;
    if (may_be_dump(entry.path())) return base::path_text(entry.path());
    ++passed_over_;
  }
  return std::nullopt;
}

}  // namespace ntstack::app
