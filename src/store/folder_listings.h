// The names in folders, so that a file is found without regard to case also where the file system
// minds it. A folder is listed at most once.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace ntstack::store {

class FolderListings {
 public:
  // The paths that are there and that `components` name under `folder`, in whatever case.
  // Components are single names, never "..".
  std::vector<std::filesystem::path> find(const std::filesystem::path& folder,
                                          std::span<const std::string_view> components);

 private:
  using Names = std::unordered_map<std::string, std::vector<std::string>>;  // by lower case

  const Names& names_in(const std::filesystem::path& folder);

  std::unordered_map<std::string, Names> folders_;  // by path as UTF-8
};

}  // namespace ntstack::store
