#include "arm64_images.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <utility>

#include "test_files.h"

namespace ntstack::tests {
namespace {

// Functions of many shapes: leaves, small and huge frames, alloca, variable arguments (homed
// parameters), saved d8 to d15, several returns, recursion. Each can be run; none needs a library.
std::string c_source() {
  std::string text = R"(
typedef unsigned long long u64;
int _fltused = 0;
int __C_specific_handler(void) { return 0; }
void *memset(void *p, int c, u64 n) { volatile char *q = p; while (n--) *q++ = (char)c; return p; }
u64 sink(void *p, u64 a, u64 b);
__declspec(noinline) u64 leaf(u64 a) { return a * 3; }
__declspec(dllexport) u64 calls_leaf(u64 n) { return leaf(n) + leaf(n + 1); }
__declspec(dllexport) u64 variable_frame(u64 n) { char *p = __builtin_alloca(n % 4000 + 16); return sink(p, n, 1) + sink(p, 1, n); }
__declspec(dllexport) u64 guarded(u64 n) { __try { return sink(&n, n, 2); } __except (1) { return 7; } }
__declspec(noinline) u64 sum(u64 n, ...) {
  __builtin_va_list l; u64 r = 0;
  __builtin_va_start(l, n);
  for (u64 i = 0; i < n; i++) r += sink(&r, __builtin_va_arg(l, u64), i);
  return r;
}
__declspec(dllexport) u64 variable_arguments(u64 n) { return sum(3, n, 2ull, 3ull) + sum(9, 1ull, 2ull, 3ull, 4ull, 5ull, 6ull, 7ull, 8ull, n); }
__declspec(noinline) double many_floats(double *v, u64 n) {
  double a = v[0], b = v[1], c = v[2], d = v[3], e = v[4], f = v[5], g = v[6], h = v[7], i = v[8];
  for (u64 k = 0; k < n; ++k) {
    sink(v, k, n);
    a = a * b + c; b = b * c + d; c = c * d + e; d = d * e + f; e = e * f + g;
    f = f * g + h; g = g * h + i; h = h * i + a; i = i * a + b;
  }
  return a + b + c + d + e + f + g + h + i;
}
__declspec(noinline) double some_floats(double a, double b, double c) {
  sink(&a, 1, 2); double d = a * b; sink(&b, 2, 1); return d + c * a;
}
__declspec(dllexport) u64 floats(u64 n) {
  double v[9];
  for (int k = 0; k < 9; k++) v[k] = (double)(n + k);
  return (u64)(many_floats(v, 3) > 1) + (u64)(some_floats(v[0], v[1], v[2]) > 1);
}
__declspec(dllexport) u64 realigned(u64 n) { __attribute__((aligned(64))) char p[256]; return sink(p, n, 3) + sink(p, 3, n); }
__declspec(dllexport) u64 recursive(u64 n) { n %= 8; return n == 0 ? leaf(1) : recursive(n - 1) * 3 + n; }
__declspec(noinline) u64 sink(void *p, u64 a, u64 b) { volatile u64 x = a + b; *(volatile char *)p; return x; }
int _DllMainCRTStartup(void *a, unsigned b, void *c) { return 1; }
)";
  for (int i = 0; i < 60; ++i) {
    const int size = 8 + i * i * i % 9000 * (i % 17 == 0 ? 97 : 1);
    text += fmt::format("__declspec(dllexport) u64 frame_{}(u64 a) {{\n", i);
    text += fmt::format("  char p[{}]; u64 b = a * 7, c = a ^ 55, d = a % 9, e = a % 4;\n", size);
    text += "  u64 r = sink(p, a, b);\n";
    text += fmt::format("  if (r == {}) return leaf(r);\n", i);
    if (i % 3 == 0) text += "  for (u64 k = 0; k < e; ++k) r += sink(p, c, k) * a + b;\n";
    if (i % 4 == 1) text += "  if (c > d) return sink(p, r, d) + a;\n";
    if (i % 5 == 2)
      text += "  switch (d) { case 0: return a; case 1: r += sink(p, e, r); break; }\n";
    if (i % 7 == 3)
      text +=
          "  for (u64 k = 0; k < e; ++k) { u64 x = sink(p,a,b), y = sink(p,b,c), z = sink(p,c,d), "
          "w = sink(p,d,e), v = sink(p,e,a); r += sink(p,x*y,z*w) + v * x + y * z + w; }\n";
    text += "  return sink(p + a % sizeof(p), r, e) + c;\n}\n";
  }
  return text;
}

constexpr const char* check_stack_source = R"(
 .text
 .globl __chkstk
__chkstk: ret
)";

// Every directive there is, in a prologue and, as far as an epilogue can have it, in an epilogue.
constexpr const char* prologue_codes = R"(
 .seh_save_r19r20_x 96
 .seh_save_next
 .seh_save_reg x23, 32
 .seh_save_lrpair x25, 40
 .seh_save_fregp d8, 64
 .seh_save_next
 .seh_save_fregp_x d10, 16
 .seh_save_freg_x d12, 16
 .seh_save_freg d13, 8
 .seh_save_regp x19, 504
 .seh_save_regp_x x27, 16
 .seh_save_reg_x x24, 256
 .seh_save_fplr_x 512
 .seh_save_fplr 504
 .seh_stackalloc 496
 .seh_stackalloc 4096
 .seh_stackalloc 32752
 .seh_stackalloc 268435440
 .seh_set_fp
 .seh_add_fp 16
 .seh_nop
 .seh_save_any_reg x3, 16
 .seh_save_any_reg_p x4, 32
 .seh_save_any_reg d5, 16
 .seh_save_any_reg_p d6, 32
 .seh_save_any_reg q7, 16
 .seh_save_any_reg_p q8, 32
 .seh_save_any_reg_x lr, 16
 .seh_save_any_reg_px x29, 32
 .seh_save_any_reg_x d5, 16
 .seh_save_any_reg_px d6, 1024
 .seh_save_any_reg_x q7, 16
 .seh_save_any_reg_px q8, 32
)";

constexpr const char* frame_codes = R"(
 .seh_trap_frame
 .seh_pushframe
 .seh_context
 .seh_ec_context
 .seh_clear_unwound_to_call
)";

// Each directive that stands for an instruction gets one; which does not matter here.
std::string with_instructions(std::string_view directives) {
  std::string text;
  while (!directives.empty()) {
    const std::size_t end = directives.find('\n');
    const std::string_view line = directives.substr(0, end);
    if (!line.empty()) text += fmt::format(" nop\n{}\n", line);
    directives.remove_prefix(end + 1);
  }
  return text;
}

std::string function(const std::string& name, const std::string& prologue,
                     const std::vector<std::string>& epilogues) {
  std::string text = fmt::format(" .globl {0}\n .seh_proc {0}\n{0}:\n{1} .seh_endprologue\n nop\n",
                                 name, prologue);
  for (const std::string& epilogue : epilogues)
    text += fmt::format(" .seh_startepilogue\n{} .seh_endepilogue\n ret\n nop\n", epilogue);
  return text + " .seh_endfunclet\n .seh_endproc\n";
}

std::string rare_source() {
  const std::string all = with_instructions(prologue_codes);
  const std::string pac = " pacibsp\n .seh_pac_sign_lr\n";
  std::string text = " .text\n";
  text += function("all_codes", pac + all + frame_codes, {all + " autibsp\n .seh_pac_sign_lr\n"});
  std::vector<std::string> many;
  for (int i = 1; i < 45; ++i) many.push_back(fmt::format(" nop\n .seh_stackalloc {}\n", i * 16));
  text += function("many_epilogues", " nop\n .seh_stackalloc 32\n", many);
  std::string long_prologue;
  for (int i = 0; i < 60; ++i)
    long_prologue += fmt::format(" nop\n .seh_save_any_reg x{}, {}\n", i % 29, i * 8);
  text += function("long_prologue", long_prologue, {" nop\n .seh_stackalloc 32\n"});
  text += function("trap", " .seh_trap_frame\n nop\n .seh_stackalloc 32\n", {});
  text += function("machine", " .seh_pushframe\n nop\n .seh_stackalloc 32\n", {});
  return text;
}

// Every packed entry whose frame holds what it saves, each for a function of its own.
std::string packed_source() {
  std::string text = " .text\n", table = " .section .pdata,\"dr\"\n .p2align 2\n";
  int number = 0;
  for (int i = 0; i < 11 * 8 * 2 * 4 * 5; ++i) {
    const int ints = i % 11, floats = i / 11 % 8, homes = i / 88 % 2, cr = i / 176 % 4;
    const int registers = ints + (floats ? floats + 1 : 0) + (cr == 1 ? 1 : 0) + 8 * homes;
    const int saved = (registers + 1) / 2;
    constexpr int locals[] = {0, 1, 32, 33, 260};
    const int size = saved + locals[i / 704];
    if (cr >= 2 && size == saved) continue;
    text += fmt::format("f{}:\n .rept 48\n nop\n .endr\n", number);
    const int flag = number % 9 == 0 ? 2 : 1;
    table += fmt::format(
        " .long f{}@IMGREL, {:#x}\n", number++,
        static_cast<unsigned>(flag | 48 << 2 | floats << 13 | ints << 16 | homes << 20 | cr << 21) |
            static_cast<unsigned>(size) << 23);
  }
  return text + table;
}

// A function as its packed entry has it: the canonical prologue and epilogue, written from the
// documentation's steps, around a body that spoils what is saved and calls where LR is.
class CanonicalFunction {
 public:
  struct Fields {
    int ints, floats, homes, cr, locals;
  };

  explicit CanonicalFunction(const Fields& fields) : f_(fields) {
    int_bytes_ = f_.ints * 8 + (f_.cr == 1 ? 8 : 0);
    float_bytes_ = f_.floats ? (f_.floats + 1) * 8 : 0;
    homes_ = f_.homes && int_bytes_ + float_bytes_ > 0;
    saved_ = (int_bytes_ + float_bytes_ + (homes_ ? 64 : 0) + 15) / 16 * 16;
    if (f_.cr == 2) both("pacibsp", "autibsp");
    save_ints();
    for (int i = 0; i * 8 < float_bytes_; i += 2)
      save("d", 8 + i, float_bytes_ / 8 - i, int_bytes_ + i * 8);
    for (int i = 0; homes_ && i < 8; i += 2)
      prologue_.push_back(fmt::format("stp x{}, x{}, [sp, #{}]", i, i + 1, saved_ - 64 + i * 8));
    allocate_locals();
  }

  std::string code(const std::string& name) const {
    std::string text = fmt::format(" .globl {0}\n{0}:\n", name);
    for (const std::string& line : lines()) text += " " + line + "\n";
    return text;
  }
  std::uint32_t word() const {
    return static_cast<std::uint32_t>(
        1 | lines().size() << 2 |
        static_cast<unsigned>(f_.floats << 13 | f_.ints << 16 | f_.homes << 20 | f_.cr << 21) |
        static_cast<unsigned>(saved_ + f_.locals) / 16 << 23);
  }

 private:
  void both(const std::string& in, const std::string& out) {
    prologue_.push_back(in);
    epilogue_.insert(epilogue_.begin(), out);
  }
  // One register, or a pair where more than one is left; the first store makes room for all.
  void save(const char* kind, int reg, int left, int offset) {
    const std::string which = left > 1 ? fmt::format("p {0}{1}, {0}{2}", kind, reg, reg + 1)
                                       : fmt::format("r {}{}", kind, reg);
    if (std::exchange(has_room_, true)) {
      both(fmt::format("st{}, [sp, #{}]", which, offset),
           fmt::format("ld{}, [sp, #{}]", which, offset));
    } else {
      both(fmt::format("st{}, [sp, #-{}]!", which, saved_),
           fmt::format("ld{}, [sp], #{}", which, saved_));
    }
  }
  void save_ints() {
    int i = 0;
    for (; i + 1 < f_.ints; i += 2) save("x", 19 + i, 2, i * 8);
    if (f_.cr == 1 && i < f_.ints) {
      if (!std::exchange(has_room_, true)) allocate(saved_);
      both(fmt::format("stp x{}, x30, [sp, #{}]", 19 + i, i * 8),
           fmt::format("ldp x{}, x30, [sp, #{}]", 19 + i, i * 8));
    } else if (i < f_.ints) {
      save("x", 19 + i, 1, i * 8);
    } else if (f_.cr == 1) {
      save("x", 30, 1, int_bytes_ - 8);
    }
  }
  void allocate(int bytes) {
    both(fmt::format("sub sp, sp, #{}", bytes), fmt::format("add sp, sp, #{}", bytes));
  }
  void allocate_locals() {
    const bool is_chained = f_.cr >= 2;
    if (is_chained && f_.locals <= 512) {
      both(fmt::format("stp x29, x30, [sp, #-{}]!", f_.locals),
           fmt::format("ldp x29, x30, [sp], #{}", f_.locals));
    } else {
      if (f_.locals > 4080) allocate(4080);
      if (const int rest = f_.locals > 4080 ? f_.locals - 4080 : f_.locals) allocate(rest);
      if (is_chained) both("stp x29, x30, [sp]", "ldp x29, x30, [sp]");
    }
    if (is_chained) prologue_.push_back("mov x29, sp");
  }
  std::vector<std::string> lines() const {
    std::vector<std::string> all = prologue_;
    for (int i = 0; i < f_.ints; ++i) all.push_back(fmt::format("mov x{}, #{}", 19 + i, i));
    if (f_.cr != 0) all.push_back("bl callee");
    all.push_back("nop");
    all.insert(all.end(), epilogue_.begin(), epilogue_.end());
    all.push_back("ret");
    return all;
  }

  Fields f_;
  int int_bytes_ = 0, float_bytes_ = 0, saved_ = 0;
  bool homes_ = false, has_room_ = false;
  std::vector<std::string> prologue_, epilogue_;
};

std::string canonical_source() {
  std::string text = " .text\n .globl callee\ncallee:\n nop\n ret\n";
  std::string table = " .section .pdata,\"dr\"\n .p2align 2\n",
              exports = " .section .drectve,\"yn\"\n";
  int number = 0;
  for (int i = 0; i < 11 * 8 * 2 * 4 * 4; ++i) {
    constexpr int locals[] = {0, 32, 528, 4160};
    const CanonicalFunction::Fields fields{i % 11, i / 11 % 8, i / 88 % 2, i / 176 % 4,
                                           locals[i / 704]};
    if (fields.cr >= 2 && fields.locals == 0) continue;
    const CanonicalFunction function(fields);
    const std::string name = fmt::format("f{}", number++);
    text += function.code(name);
    table += fmt::format(" .long {}@IMGREL, {:#x}\n", name, function.word());
    exports += fmt::format(" .ascii \" /EXPORT:{}\"\n", name);
  }
  return text + table + exports;
}

const std::string kClang = "clang-19 --target=aarch64-pc-windows-msvc -c -w ";

}  // namespace

Arm64Images::Arm64Images() {
  for (const char* flags :
       {"-O0", "-O1", "-O2", "-O3", "-Os", "-O2 -fno-omit-frame-pointer",
        "-O0 -mbranch-protection=pac-ret+leaf+b-key", "-O2 -mbranch-protection=pac-ret+b-key",
        "-O2 -fomit-frame-pointer", "-Oz -fomit-frame-pointer"}) {
    compile_shapes(fmt::format("shapes_{}", shapes_.size()), flags);
  }
  assemble("rare", rare_source());
  assemble("packed", packed_source());
  assemble("canonical", canonical_source());
  if (!hand_made_.empty()) canonical_ = hand_made_.back();
}

std::filesystem::path Arm64Images::write(const std::string& name, const std::string& text) const {
  const std::filesystem::path path = folder_.path() / name;
  std::ofstream(path, std::ios::binary) << text;
  return path;
}

bool Arm64Images::make(const std::string& command) const {
  const ToolResult result = run(command + " 2>&1");
  EXPECT_EQ(result.exit_code, 0) << command << "\n" << result.out;
  return result.exit_code == 0;
}

void Arm64Images::compile_shapes(const std::string& name, const std::string& flags) {
  const auto image = folder_.path() / (name + ".dll");
  const std::string object = quoted(folder_.path() / (name + ".obj"));
  const std::string assembled = quoted(folder_.path() / "chkstk.obj");
  const std::string c = quoted(write("shapes.c", c_source()));
  const std::string s = quoted(write("chkstk.s", check_stack_source));
  if (make(kClang + "-fms-extensions " + flags + " " + c + " -o " + object + " && " + kClang + s +
           " -o " + assembled + " && lld-link-19 /dll /nodefaultlib " + object + " " + assembled +
           " /out:" + quoted(image)))
    shapes_.push_back(image);
}

void Arm64Images::assemble(const std::string& name, const std::string& text) {
  const auto image = folder_.path() / (name + ".dll");
  const std::string object = quoted(folder_.path() / (name + ".obj"));
  if (make(kClang + quoted(write(name + ".s", text)) + " -o " + object +
           " && lld-link-19 /dll /noentry /nodefaultlib " + object + " /out:" + quoted(image)))
    hand_made_.push_back(image);
}

std::vector<std::filesystem::path> node_pty_images() {
  std::vector<std::filesystem::path> found;
  std::error_code error;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(node_pty_arm64(), error)) {
    const auto extension = entry.path().extension();
    if (extension == ".dll" || extension == ".exe" || extension == ".node")
      found.push_back(entry.path());
  }
  std::ranges::sort(found);
  return found;
}

}  // namespace ntstack::tests
