// DWARF of an image that GCC or clang for MinGW built: functions, inlined functions, lines and
// structures, each unit decoded when it is first asked for. Decoded by LLVM's library; a build
// without it says so.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "pdb/pdb.h"
#include "pe/image.h"

namespace ntstack::dwarf {

// The sections of a file say that it has DWARF; whether a build of ntstack reads it is another
// thing.
bool has_dwarf(const pe::Image& image);
bool can_read_dwarf();

// "driver.sys.debug" of the section .gnu_debuglink, which strip or objcopy left in an image whose
// DWARF is in a file of its own; `crc` is of that file's bytes (zlib's CRC-32).
struct DebugLink {
  std::string file_name;
  std::uint32_t crc = 0;
};
std::optional<DebugLink> debug_link(const pe::Image& image);
std::uint32_t crc32_of(base::Bytes bytes);

struct Function {
  std::string name;       // with its scopes: "ns::Class::f"
  std::uint32_t rva = 0;  // where it begins, or the part of it that was asked for
  std::uint32_t size = 0;
  bool is_part = false;  // a part away from the function's entry (GCC's "f.cold")
};

struct Line {
  std::string file;
  std::uint32_t line = 0;
};

// A function inlined at an address; file and line are of the code inside of it.
struct InlineFrame {
  std::string name;
  std::string file;  // empty: not known
  std::uint32_t line = 0;
};

class Dwarf {
 public:
  // Over an image that is a file; its bytes outlive the Dwarf, the image itself need not. An error
  // says why there is none to read. Opening looks at the sections' table alone.
  // `image` may as well be the file that strip or objcopy left beside one: it has its headers.
  static base::Result<Dwarf> open(const pe::Image& image);
  Dwarf(Dwarf&&) noexcept;
  Dwarf& operator=(Dwarf&&) noexcept;
  ~Dwarf();

  std::optional<Function> function_at(std::uint32_t rva) const;
  // The line of the function itself at an RVA: where code was inlined, that of the call in it.
  std::optional<Line> line_at(std::uint32_t rva) const;
  // Functions inlined at an RVA, innermost first.
  std::vector<InlineFrame> inlined_at(std::uint32_t rva) const;
  // The RVA of a function's or a variable's name, with its scopes or as linkers know it. Looks
  // through all units where the file has the name at all.
  std::optional<std::uint32_t> rva_of(std::string_view name) const;

  // A class, structure or union by its full name ("_KTHREAD"), and that of a field's type. Members
  // of unnamed structures inside are members.
  std::optional<pdb::Structure> structure(std::string_view name) const;
  std::optional<pdb::Structure> structure(std::uint32_t type) const;
  std::optional<std::uint64_t> size_of(std::uint32_t type) const;
  // "_LIST_ENTRY", "unsigned long*", "char[16]"; "?" for what has no name.
  std::string type_name(std::uint32_t type) const;

  // What of the DWARF was met and could not be read so far; sentences.
  std::vector<std::string> warnings() const;

  // Gives the memory of what was decoded back; it is decoded again when it is asked for.
  void forget_units() const;

 private:
  struct State;
  explicit Dwarf(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace ntstack::dwarf
