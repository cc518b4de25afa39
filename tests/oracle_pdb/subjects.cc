#include "subjects.h"

#include <gtest/gtest.h>

#include <fstream>

#include "test_files.h"

namespace ntstack::tests {
namespace {

namespace fs = std::filesystem;

const std::vector<std::string> kPrograms = {"shapes.cc", "inlining.cc", "fields.cc", "plain.c",
                                            "locals.c"};

// A structure whose members do not fit one record: the list goes on in others.
void write_long_structure(const fs::path& path) {
  std::ofstream out(path);
  out << "struct VeryLong {\n";
  for (int i = 0; i < 3000; ++i)
    out << "  " << (i % 3 ? "int" : "char") << " a_member_with_a_rather_long_name_number_" << i
        << ";\n";
  out << "};\nVeryLong very_long;\nint use_very_long(VeryLong* it) { return "
         "it->a_member_with_a_rather_long_name_number_2999; }\n";
}

}  // namespace

Subjects::Subjects()
    : clang_(find_tool("clang++-19")),
      linker_(find_tool("lld-link-19")),
      readobj_(find_tool("llvm-readobj-19")) {
  for (const char* stem : {"nested_collided", "xcpt4", "xframe_eh_dll", "xframe_eh_exe"}) {
    const std::string image =
        std::string(stem) + (std::string(stem).ends_with("dll") ? ".dll" : ".exe");
    add_real(data_dir() / "seh/x64", stem, image);
    add_real(data_dir() / "seh/x86", stem, image);
  }
  add_real(data_dir() / "systeminformer_x64", "systeminformer", "systeminformer.sys");
  add_real(data_dir() / "symbolic", "crash", "crash.exe");
  add_real(data_dir() / "lldb", "sigsegv", "");
  add_real(data_dir() / "breakpad", "dump_syms_regtest64", "dump_syms_regtest64.exe");
  for (const fs::path& folder : {node_pty_x64(), node_pty_arm64()}) {
    add_real(folder, "conpty", "conpty.node");
    add_real(folder, "conpty_console_list", "conpty_console_list.node");
    add_real(folder, "pty", "pty.node");
    add_real(folder, "winpty", "winpty.dll");
    add_real(folder, "winpty-agent", "winpty-agent.exe");
  }
  if (clang_.empty() || linker_.empty()) return;
  const std::string x64 = "x86_64-pc-windows-msvc", x86 = "i686-pc-windows-msvc";
  make("x64_O2", x64, "-O2", "");
  make("x64_O0", x64, "-O0", "");
  make("x64_split", x64, "-O2 -mllvm -hot-cold-split=true -mllvm -hotcoldsplit-threshold=-1",
       "/pdbpagesize:8192");
  make("x86_O2", x86, "-O2", "");
  make("arm64_O0", "aarch64-pc-windows-msvc", "-O0", "");
  make("arm64_O2", "aarch64-pc-windows-msvc", "-O2", "");
  make("x86_fpo", x86, "-O1 -fomit-frame-pointer", "");
}

// The tools look for a PDB under the name that the image gives it: copies bear that one.
void Subjects::add_real(const fs::path& from, const std::string& stem, const std::string& image) {
  if (!fs::exists(from / (stem + ".pdb"))) return;
  const fs::path to = folder_.path() / from.parent_path().filename() / from.filename();
  fs::create_directories(to);
  std::string pdb_name = stem + ".pdb";
  if (!image.empty() && !readobj_.empty()) {
    fs::copy_file(from / image, to / image);
    const std::string printed =
        run(quoted(readobj_) + " --coff-debug-directory " + quoted(to / image)).out;
    const std::size_t key = printed.find("PDBFileName: ");
    if (key != std::string::npos) {
      const std::string path = printed.substr(key + 13, printed.find('\n', key) - key - 13);
      pdb_name = path.substr(path.find_last_of("\\/") + 1);
    }
  }
  fs::copy_file(from / (stem + ".pdb"), to / pdb_name);
  all_.push_back({from.filename().string() + "/" + stem, to / pdb_name,
                  image.empty() ? fs::path() : to / image, false});
}

void Subjects::make(const std::string& name, const std::string& target, const std::string& options,
                    const std::string& link_options) {
  const fs::path folder = folder_.path() / name;
  fs::create_directories(folder);
  write_long_structure(folder / "long_structure.cc");
  std::vector<fs::path> sources{folder / "long_structure.cc"};
  for (const std::string& each : kPrograms) sources.push_back(fs::path(NTSTACK_PROGRAMS) / each);

  std::string objects;
  for (const fs::path& source : sources) {
    const fs::path object = folder / (source.stem().string() + ".obj");
    const std::string language = source.extension() == ".c" ? " -x c " : " -std=c++20 ";
    const ToolResult compiled = run(quoted(clang_) + " --target=" + target + language + options +
                                    " -g -gcodeview -ffreestanding -fno-rtti -fno-exceptions "
                                    "-fno-stack-protector -mno-stack-arg-probe -c " +
                                    quoted(source) + " -o " + quoted(object) + " 2>&1");
    if (compiled.exit_code != 0) ADD_FAILURE() << name << ": " << compiled.out;
    objects += " " + quoted(object);
  }
  const fs::path image = folder / (name + ".exe");
  const ToolResult linked = run(quoted(linker_) +
                                " /nologo /debug /opt:noref /opt:noicf /nodefaultlib /entry:start "
                                "/subsystem:console /safeseh:no " +
                                link_options + " /out:" + quoted(image) + objects + " 2>&1");
  if (linked.exit_code != 0) ADD_FAILURE() << name << ": " << linked.out;
  all_.push_back({name, folder / (name + ".pdb"), image, true});
}

const std::vector<Subject>& subjects() {
  static const Subjects made;
  return made.all();
}

OpenedPdb::OpenedPdb(const Subject& subject) {
  auto mapped = base::MappedFile::open(subject.pdb);
  if (!mapped) {
    ADD_FAILURE() << mapped.error().text();
    return;
  }
  file = std::make_unique<base::MappedFile>(std::move(*mapped));
  auto opened = pdb::Pdb::open(file->bytes());
  if (!opened) {
    ADD_FAILURE() << subject.name << ": " << opened.error().text();
    return;
  }
  pdb = std::make_unique<pdb::Pdb>(std::move(*opened));
}

}  // namespace ntstack::tests
