#include "compiled.h"

#include <fmt/format.h>

namespace ntstack::tests {
namespace {

namespace fs = std::filesystem;

void add_gcc(std::vector<Build>& all, const std::string& target, const std::string& entry,
             const std::string& options) {
  const std::string gcc = target + "-w64-mingw32-gcc";
  all.push_back({fmt::format("{} {}", gcc, options),
                 fmt::format("{} {} -c -o {{object}} {{source}}", gcc, options),
                 fmt::format("{} -nostdlib -Wl,-e,{} -o {{image}} {{object}}", gcc, entry),
                 target + "-w64-mingw32-addr2line",
                 true,
                 {gcc, target + "-w64-mingw32-addr2line"}});
}

void add_clang(std::vector<Build>& all, const std::string& target, const std::string& emulation,
               const std::string& options) {
  const bool is_arm = target == "aarch64";
  const std::string entry = target == "i686" ? "_start" : "start";
  all.push_back({fmt::format("clang-19 {} {}", target, options),
                 fmt::format("clang-19 --target={}-w64-mingw32 {} -c -o {{object}} {{source}}",
                             target, options),
                 fmt::format("ld.lld-19 -m {} {{object}} -e {} -o {{image}}", emulation, entry),
                 is_arm ? "llvm-addr2line-19" : target + "-w64-mingw32-addr2line",
                 !is_arm,
                 {"clang-19", "ld.lld-19",
                  is_arm ? std::string("llvm-addr2line-19") : target + "-w64-mingw32-addr2line"}});
}

std::string with_paths(std::string command, const fs::path& source, const fs::path& object,
                       const fs::path& image) {
  const auto put = [&](std::string_view what, const fs::path& path) {
    for (std::size_t at = command.find(what); at != std::string::npos; at = command.find(what))
      command.replace(at, what.size(), quoted(path));
  };
  put("{source}", source);
  put("{object}", object);
  put("{image}", image);
  return command;
}

}  // namespace

std::vector<Build> builds() {
  std::vector<Build> all;
  for (const char* version : {"-gdwarf-4", "-gdwarf-5"}) {
    for (const char* level : {"-O0", "-O2"}) {
      const std::string options = fmt::format("{} {} -fno-stack-protector", version, level);
      add_gcc(all, "x86_64", "start", options);
      add_gcc(all, "i686", "_start", options);
      add_clang(all, "x86_64", "i386pep", options);
      add_clang(all, "i686", "i386pe", options);
      add_clang(all, "aarch64", "arm64pe", options);
    }
  }
  return all;
}

bool can_build(const Build& build) {
  for (const std::string& tool : build.needs)
    if (find_tool(tool).empty()) return false;
  return true;
}

std::optional<Compiled> open_compiled(const fs::path& path) {
  auto file = base::MappedFile::open(path);
  if (!file) return std::nullopt;
  auto image = pe::Image::from_file(file->bytes());
  if (!image) return std::nullopt;
  Compiled compiled{path, std::move(*file), std::move(*image), std::nullopt};
  if (auto opened = dwarf::Dwarf::open(compiled.image)) compiled.dwarf.emplace(std::move(*opened));
  return compiled;
}

std::optional<Compiled> compile(const Build& build, const std::string& source,
                                const fs::path& folder, const std::string& extra) {
  const fs::path program = fs::path(NTSTACK_PROGRAMS) / source;
  const fs::path object = folder / "program.o", image = folder / "program.exe";
  fs::remove(image);
  const std::string compiler = build.compile + " " + extra;
  if (run(with_paths(compiler, program, object, image)).exit_code != 0) return std::nullopt;
  if (run(with_paths(build.link, program, object, image)).exit_code != 0) return std::nullopt;
  return open_compiled(image);
}

}  // namespace ntstack::tests
