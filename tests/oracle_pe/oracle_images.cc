#include "oracle_images.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "test_files.h"

namespace ntstack::tests {

namespace {

namespace fs = std::filesystem;

bool is_image_name(const fs::path& path) {
  const std::string extension = path.extension().string();
  return extension == ".exe" || extension == ".dll" || extension == ".sys" || extension == ".drv" ||
         extension == ".node";
}

// Functions of many shapes: small and huge frames, saved XMM registers, alloca, __try, several
// returns, calls in the middle. The C library is left out.
std::string c_source() {
  std::string text = R"(
typedef unsigned long long u64;
int _fltused = 0;
int __C_specific_handler(void) { return 0; }
void *memset(void *p, int c, u64 n) { volatile char *q = p; while (n--) *q++ = (char)c; return p; }
u64 sink(void *p, u64 a, u64 b);
__declspec(noinline) u64 leaf(u64 a) { return a * 3; }
__declspec(dllexport) u64 variable_frame(u64 n) { char *p = __builtin_alloca(n); return sink(p, n, 1); }
#ifndef WITHOUT_TRY
__declspec(dllexport) u64 guarded(u64 *p) { __try { return sink(p, *p, 2); } __except (1) { return 7; } }
__declspec(dllexport) u64 finally(u64 *p) { u64 r = 0; __try { r = sink(p, *p, 2); } __finally { r += leaf(r); } return r; }
#endif
__declspec(dllexport) double many_xmm(double *v, u64 n) {
  double a = v[0], b = v[1], c = v[2], d = v[3], e = v[4], f = v[5], g = v[6], h = v[7], i = v[8];
  for (u64 k = 0; k < n; ++k) {
    sink(v, k, n);
    a = a * b + c; b = b * c + d; c = c * d + e; d = d * e + f; e = e * f + g;
    f = f * g + h; g = g * h + i; h = h * i + a; i = i * a + b;
  }
  return a + b + c + d + e + f + g + h + i;
}
__declspec(dllexport) u64 realigned(u64 n) { __attribute__((aligned(64))) char p[256]; return sink(p, n, 3); }
__declspec(noinline) u64 sink(void *p, u64 a, u64 b) { volatile u64 x = a + b + (u64)p; return x; }
int _DllMainCRTStartup(void *a, unsigned b, void *c) { return 1; }
)";
  for (int i = 0; i < 150; ++i) {
    const std::string n = std::to_string(i);
    const std::string size = std::to_string(8 + i * i * i % 9000 * (i % 17 == 0 ? 97 : 1));
    text += "__declspec(dllexport) u64 frame_" + n + "(u64 a, u64 b, u64 c, u64 d, u64 e) {\n";
    text += "  char p[" + size + "];\n  u64 r = sink(p, a, b);\n";
    text += "  if (r == " + n + ") return leaf(r);\n";
    if (i % 3 == 0) text += "  for (u64 k = 0; k < e; ++k) { r += sink(p, c, k) * a + b; }\n";
    if (i % 4 == 1) text += "  if (c > d) return sink(p, r, d) + a;\n";
    if (i % 5 == 2)
      text +=
          "  switch (d) { case 0: return a; case 1: r += sink(p, e, r); break; case 9: return "
          "sink(p, b, e); }\n";
    text += "  return sink(p + a % sizeof(p), r, e) + c;\n}\n";
  }
  return text;
}

// What compilers do not write: machine frames, chained infos, far offsets, handlers' own bytes.
constexpr const char* assembler_source = R"(
 .text
 .globl __chkstk
__chkstk: ret
 .globl machine_frame
 .def machine_frame; .scl 2; .type 32; .endef
machine_frame:
 .seh_proc machine_frame
 .seh_pushframe
 pushq %rbp
 .seh_pushreg %rbp
 subq $0x158, %rsp
 .seh_stackalloc 0x158
 leaq 0x80(%rsp), %rbp
 .seh_setframe %rbp, 0x80
 .seh_endprologue
 nop
 leaq 0xd8(%rbp), %rsp
 popq %rbp
 iretq
 .seh_endproc
 .globl error_frame
error_frame:
 .seh_proc error_frame
 .seh_pushframe @code
 subq $0x28, %rsp
 .seh_stackalloc 0x28
 .seh_endprologue
 nop
 addq $0x30, %rsp
 iretq
 .seh_endproc
 .globl far_saves
far_saves:
 .seh_proc far_saves
 .seh_handler my_handler, @unwind, @except
 pushq %r15
 .seh_pushreg %r15
 subq $0x200000, %rsp
 .seh_stackalloc 0x200000
 movq %rbx, 0x180000(%rsp)
 .seh_savereg %rbx, 0x180000
 movaps %xmm15, 0x1a0000(%rsp)
 .seh_savexmm %xmm15, 0x1a0000
 movaps %xmm6, 0x40(%rsp)
 .seh_savexmm %xmm6, 0x40
 movq %r12, 0x7fff8(%rsp)
 .seh_savereg %r12, 0x7fff8
 .seh_endprologue
 nop
 .seh_handlerdata
 .long 1, 2, 3
 .text
 ret
 .seh_endproc
 .globl my_handler
my_handler: ret
 .globl chained_parent
chained_parent:
 pushq %rbp
 subq $0x7fff8, %rsp
chained_parent_end:
 movq %rbx, 0x28(%rsp)
chained_child_end:
 movq %rsi, 0x30(%rsp)
 nop
chained_grandchild_end:
 addq $0x7fff8, %rsp
 popq %rbp
 ret
 .section .xdata, "dr"
 .p2align 2
parent_info: .byte 1, 8, 3, 0,  8, 0x01, 0xff, 0xff,  1, 0x50, 0, 0
child_info: .byte 0x21, 5, 2, 0,  5, 0x34, 5, 0
 .long chained_parent@IMGREL, chained_parent_end@IMGREL, parent_info@IMGREL
grandchild_info: .byte 0x21, 5, 2, 0,  5, 0x64, 6, 0
 .long chained_parent_end@IMGREL, chained_child_end@IMGREL, child_info@IMGREL
 .section .pdata, "dr"
 .p2align 2
 .long chained_parent@IMGREL, chained_parent_end@IMGREL, parent_info@IMGREL
 .long chained_parent_end@IMGREL, chained_child_end@IMGREL, child_info@IMGREL
 .long chained_child_end@IMGREL, chained_grandchild_end@IMGREL, grandchild_info@IMGREL
)";

constexpr const char* other_source = R"(
__declspec(dllexport) int other(int a) { return a * 3; }
__declspec(dllexport) char large[70000];
int _DllMainCRTStartup(void *a, unsigned b, void *c) { return 1; }
int start(void *a) { return other((int)(long long)a); }
)";

constexpr const char* definition_file = R"(LIBRARY other
EXPORTS
  other @5
  other_by_number=other @9 NONAME
  again=other
  forwarded=ntdll.RtlFoo
  large DATA
)";

// One in eight, for the time that all of them take; NTSTACK_ALL_IMAGES asks for all.
std::vector<fs::path> wine_images() {
  std::vector<fs::path> found;
  std::error_code error;
  for (const auto& entry :
       fs::directory_iterator("/usr/lib/x86_64-linux-gnu/wine/x86_64-windows", error)) {
    if (is_image_name(entry.path())) found.push_back(entry.path());
  }
  if (std::getenv("NTSTACK_ALL_IMAGES")) return found;
  std::ranges::sort(found);
  std::vector<fs::path> some;
  for (std::size_t i = 0; i < found.size(); i += 8) some.push_back(found[i]);
  return some;
}

}  // namespace

std::vector<fs::path> real_images() {
  std::vector<fs::path> found;
  const fs::path data = data_dir();
  for (const fs::path& folder : {data / "seh", data / "systeminformer_x64", data / "breakpad",
                                 data / "symbolic", node_pty_x64(), node_pty_arm64()}) {
    std::error_code error;
    for (const auto& entry : fs::recursive_directory_iterator(folder, error)) {
      if (is_image_name(entry.path())) found.push_back(entry.path());
    }
  }
  const std::vector<fs::path> wine = wine_images();
  found.insert(found.end(), wine.begin(), wine.end());
  std::ranges::sort(found);
  return found;
}

CompiledImages::CompiledImages() {
  compile_x64();
  compile_x64_version_2();
  compile_mingw();
  compile_others();
}

fs::path CompiledImages::write(const std::string& name, const std::string& text) const {
  const fs::path path = folder_.path() / name;
  std::ofstream(path, std::ios::binary) << text;
  return path;
}

void CompiledImages::link(const std::string& command, const fs::path& image) {
  const ToolResult result = run(command + " 2>&1");
  EXPECT_EQ(result.exit_code, 0) << command << "\n" << result.out;
  if (result.exit_code == 0) images_.push_back(image);
}

void CompiledImages::compile_x64() {
  if (find_tool("clang-19").empty() || find_tool("lld-link-19").empty()) return;
  const std::string clang = "clang-19 --target=x86_64-pc-windows-msvc -c -fms-extensions -w ";
  const std::string c = quoted(write("shapes.c", c_source()));
  const std::string s = quoted(write("hand.s", assembler_source));
  int number = 0;
  for (const char* flags : {"-O0", "-O1", "-O2", "-O3 -mavx2", "-Os", "-O2 -fno-omit-frame-pointer",
                            "-O1 -fno-omit-frame-pointer -g -gcodeview"}) {
    const std::string name = "x64_" + std::to_string(number++);
    const fs::path image = folder_.path() / (name + ".dll");
    const std::string objects = quoted(folder_.path() / (name + ".obj"));
    const std::string hand = quoted(folder_.path() / (name + "_hand.obj"));
    link(clang + flags + " " + c + " -o " + objects + " && " + clang + s + " -o " + hand +
             " && lld-link-19 /dll /nodefaultlib /debug " + objects + " " + hand +
             " /out:" + quoted(image),
         image);
  }
}

void CompiledImages::compile_x64_version_2() {
  if (find_tool("clang-22").empty() || find_tool("lld-link-22").empty()) return;
  // This clang fails on __try where it writes version 2.
  const std::string clang =
      "clang-22 --driver-mode=cl --target=x86_64-pc-windows-msvc /c /GS- /w /DWITHOUT_TRY "
      "/d2epilogunwind ";
  const std::string c = quoted(write("shapes.c", c_source()));
  const std::string s = quoted(write("hand.s", assembler_source));
  int number = 0;
  for (const char* flags : {"/Od", "/O1", "/O2", "/O2 /Oy-", "/O2 /arch:AVX2"}) {
    const std::string name = "x64_v2_" + std::to_string(number++);
    const fs::path image = folder_.path() / (name + ".dll");
    const std::string object = quoted(folder_.path() / (name + ".obj"));
    const std::string hand = quoted(folder_.path() / (name + "_hand.obj"));
    link(clang + flags + " " + c + " /Fo" + object +
             " && clang-22 --target=x86_64-pc-windows-msvc -c " + s + " -o " + hand +
             " && lld-link-22 /dll /nodefaultlib " + object + " " + hand + " /out:" + quoted(image),
         image);
  }
}

void CompiledImages::compile_mingw() {
  if (find_tool("x86_64-w64-mingw32-gcc").empty()) return;
  const fs::path c = write("mingw.c", R"(
#include <stdio.h>
#include <string.h>
static int __attribute__((noinline)) a_static_function_with_a_long_name(int a) { return printf("%d", a); }
__declspec(dllexport) int exported(int a) { char b[3000]; memset(b, a, 3000); return a_static_function_with_a_long_name(b[a]); }
int short_f(int a) { return exported(a) + 1; }
)");
  int number = 0;
  for (const char* flags : {"-O0", "-O2 -g", "-O2 -ffunction-sections"}) {
    const fs::path image = folder_.path() / ("mingw_" + std::to_string(number++) + ".dll");
    link("x86_64-w64-mingw32-gcc -shared " + std::string(flags) + " " + quoted(c) + " -o " +
             quoted(image),
         image);
  }
}

void CompiledImages::compile_others() {
  if (find_tool("clang-19").empty() || find_tool("lld-link-19").empty()) return;
  const std::string c = quoted(write("other.c", other_source));
  const std::string def = quoted(write("other.def", definition_file));
  const std::string o = quoted(folder_.path() / "other.obj");
  const auto compile = [&](const char* target) {
    return "clang-19 --target=" + std::string(target) +
           "-pc-windows-msvc -c -w -O1 -g -gcodeview " + c + " -o " + o +
           " && lld-link-19 /nodefaultlib /debug " + o + " ";
  };
  fs::path image = folder_.path() / "other_x86.dll";
  link(compile("i686") + "/dll /entry:_DllMainCRTStartup /safeseh:no /out:" + quoted(image), image);
  image = folder_.path() / "other_arm64.dll";
  link(compile("aarch64") + "/dll /out:" + quoted(image), image);
  image = folder_.path() / "other_ordinals.dll";
  link(compile("x86_64") + "/dll /def:" + def + " /out:" + quoted(image), image);
  image = folder_.path() / "other_driver.sys";
  link(compile("x86_64") +
           "/driver /subsystem:native /entry:start /align:32 /filealign:32 /out:" + quoted(image),
       image);
  image = folder_.path() / "other_no_pdb.exe";
  link(compile("x86_64") +
           "/debug:none /subsystem:console /entry:start /filealign:4096 /out:" + quoted(image),
       image);
}

const std::vector<fs::path>& all_images() {
  static const CompiledImages compiled;
  static const std::vector<fs::path> all = [] {
    std::vector<fs::path> found = real_images();
    found.insert(found.end(), compiled.images().begin(), compiled.images().end());
    return found;
  }();
  return all;
}

base::Result<OpenImage> OpenImage::open(const fs::path& path) {
  auto file = base::MappedFile::open(path);
  if (!file) return std::unexpected(file.error());
  auto image = pe::Image::from_file(file->bytes());
  if (!image) return base::with_context(image.error(), "reading {}", path.string());
  return OpenImage{std::move(*file), std::move(*image)};
}

fs::path newest_readobj() {
  for (const char* name : {"llvm-readobj-22", "llvm-readobj-21", "llvm-readobj-19"}) {
    if (const fs::path tool = find_tool(name); !tool.empty()) return tool;
  }
  return {};
}

}  // namespace ntstack::tests
