#include "store/folder_listings.h"

#include <system_error>
#include <utility>

#include "base/text.h"

namespace ntstack::store {

std::vector<std::filesystem::path> FolderListings::find(
    const std::filesystem::path& folder, std::span<const std::string_view> components) {
  std::vector<std::filesystem::path> found = {folder};
  for (const std::string_view component : components) {
    const std::string wanted = base::lower(component);
    std::vector<std::filesystem::path> deeper;
    for (const auto& parent : found) {
      const Names& names = names_in(parent);
      const auto same = names.find(wanted);
      if (same == names.end()) continue;
      for (const auto& name : same->second) deeper.push_back(parent / base::path_from_utf8(name));
    }
    found = std::move(deeper);
  }
  return found;
}

const FolderListings::Names& FolderListings::names_in(const std::filesystem::path& folder) {
  const auto [entry, is_new] = folders_.try_emplace(base::path_text(folder));
  if (!is_new) return entry->second;
  std::error_code failed;
  std::filesystem::directory_iterator at(folder, failed);
  for (; !failed && at != std::filesystem::directory_iterator(); at.increment(failed)) {
    std::string name = base::path_text(at->path().filename());
    entry->second[base::lower(name)].push_back(std::move(name));
  }
  return entry->second;
}

}  // namespace ntstack::store
