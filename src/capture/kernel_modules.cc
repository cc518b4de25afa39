#include "capture/kernel_modules.h"

#include <algorithm>
#include <utility>

#include "base/mapped_file.h"
#include "base/text.h"
#include "capture/status_text.h"
#include "pe/image.h"

namespace ntstack::capture {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostModules = 4096;  // more than any kernel loads

bool starts_with(std::string_view text, std::string_view prefix) {
  return text.size() >= prefix.size() &&
         base::equals_ignoring_case(text.substr(0, prefix.size()), prefix);
}

// Of this system's own paths, whichever way its separators go.
fs::path below(const fs::path& folder, std::string_view rest) {
  std::string plain(rest);
  if constexpr (fs::path::preferred_separator == '/') std::ranges::replace(plain, '\\', '/');
  return folder / base::path_from_utf8(plain);
}

// Nothing where the file is not the one that was loaded.
void add_key(const fs::path& path, dump::ModuleRecord& module) {
  const auto file = base::MappedFile::open(path);
  if (!file) return;
  const auto image = pe::Image::from_file(file->bytes());
  if (!image || image->size_of_image() != module.size) return;
  module.timestamp = image->timestamp();
  module.checksum = image->checksum();
  if (const auto code_view = image->codeview()) {
    module.pdb_guid = code_view->guid;
    module.pdb_age = code_view->age;
    module.pdb_name = code_view->pdb_path;
  }
}

}  // namespace

fs::path file_of_kernel_path(std::string_view path, const fs::path& system_root) {
  if (starts_with(path, "\\SystemRoot\\")) return below(system_root, path.substr(12));
  if (starts_with(path, "\\??\\")) return below({}, path.substr(4));
  if (starts_with(path, "System32\\")) return below(system_root, path);
  const bool is_name = !path.empty() && path.find_first_of("\\/:") == std::string_view::npos;
  if (is_name) return below(system_root / "System32" / "drivers", path);
  const bool has_drive = path.size() > 2 && path[1] == ':';
  return has_drive ? below({}, path) : fs::path();
}

KernelModules list_kernel_modules(System& system) {
  KernelModules result;
  auto listed = system.kernel_modules();
  if (!listed) {
    result.notes.push_back(
        fmt::format("the kernel's images could not be listed ({}): frames have no names",
                    status_label(listed.error())));
    return result;
  }
  if (listed->size() > kMostModules) listed->resize(kMostModules);
  const auto is_told = [](const dump::ModuleRecord& module) { return module.base != 0; };
  if (std::ranges::none_of(*listed, is_told)) {
    result.notes.push_back(
        "Windows does not tell where the kernel's images are loaded: frames have no names");
    return result;
  }
  const fs::path root = system.system_root();
  for (dump::ModuleRecord& module : *listed) {
    if (!is_told(module)) continue;
    if (const fs::path file = file_of_kernel_path(module.path, root); !file.empty())
      add_key(file, module);
    result.modules.push_back(std::move(module));
  }
  return result;
}

}  // namespace ntstack::capture
