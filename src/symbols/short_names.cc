#include "symbols/short_names.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <unordered_set>

#include "base/text.h"

namespace ntstack::symbols {
namespace {

constexpr std::array<std::string_view, 4> kKernels = {"ntoskrnl.exe", "ntkrnlmp.exe",
                                                      "ntkrnlpa.exe", "ntkrpamp.exe"};
constexpr std::array<std::string_view, 6> kHals = {"hal.dll",     "halmacpi.dll", "halaacpi.dll",
                                                   "halacpi.dll", "halmps.dll",   "halapic.dll"};

bool is_one_of(std::span<const std::string_view> names, std::string_view name) {
  return std::ranges::any_of(
      names, [&](std::string_view known) { return base::equals_ignoring_case(known, name); });
}

void add_new(std::vector<std::string>& names, std::string_view name) {
  if (std::ranges::find(names, name) == names.end()) names.emplace_back(name);
}

bool is_identifier_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

std::string_view stem_of(std::string_view file_name) {
  const std::size_t dot = file_name.rfind('.');
  return dot == std::string_view::npos || dot == 0 ? file_name : file_name.substr(0, dot);
}

}  // namespace

bool is_kernel_name(std::string_view file_name) {
  return base::equals_ignoring_case(file_name, "nt") || is_one_of(kKernels, file_name) ||
         base::equals_ignoring_case(file_name, "ntoskrnl");
}

std::vector<std::string> file_names_of(std::string_view file_name) {
  constexpr std::string_view kCopyOf = "dump_";
  const std::string_view own = base::file_name_of(file_name);
  std::vector<std::string> names = {std::string(own)};
  if (is_kernel_name(own)) {
    if (!is_one_of(kKernels, own)) names.clear();  // "nt" is no file's name
    for (const auto name : kKernels) add_new(names, name);
  } else if (is_one_of(kHals, own)) {
    for (const auto name : kHals) add_new(names, name);
  } else if (base::equals_ignoring_case(own.substr(0, kCopyOf.size()), kCopyOf)) {
    add_new(names, own.substr(kCopyOf.size()));
  }
  if (own.find('.') == std::string_view::npos && !names.empty()) {
    for (const std::string_view extension : {".sys", ".dll", ".exe"}) {
      if (!is_kernel_name(own)) names.push_back(std::string(own).append(extension));
    }
  }
  return names;
}

std::string short_name_of(std::string_view file_name) {
  const std::string_view own = base::file_name_of(file_name);
  if (is_kernel_name(own)) return "nt";
  std::string name(stem_of(own));
  std::ranges::replace_if(name, [](char c) { return !is_identifier_character(c); }, '_');
  return name;
}

std::vector<std::string> short_names_of(std::span<const ModuleKey> modules) {
  std::vector<std::string> names;
  names.reserve(modules.size());
  std::unordered_set<std::string> taken;
  for (const ModuleKey& module : modules) {
    std::string name = short_name_of(module.name);
    if (name.empty()) name = fmt::format("image{:x}", module.base);
    if (!taken.insert(base::lower(name)).second) {
      name += fmt::format("_{:x}", module.base);
      // Two modules at one base, or a file that has such a name by itself.
      for (int more = 2; !taken.insert(base::lower(name)).second; ++more) {
        name += fmt::format("_{}", more);
      }
    }
    names.push_back(std::move(name));
  }
  return names;
}

}  // namespace ntstack::symbols
