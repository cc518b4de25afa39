// A PDB (MSF 7) over a mapped file: names, lines, inline sites, types and frame records, each
// decoded when first asked for. Layouts from LLVM's public PDB documentation and sources.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "base/guid.h"

namespace ntstack::pdb {

// All RVAs here are of the image as it runs: OMAP is already applied.
struct Function {
  std::string_view name;  // as in the PDB: undecorated for procedures, decorated for publics
  std::uint32_t rva = 0;
  std::uint32_t size = 0;  // 0: unknown (publics)
  bool is_public = false;  // from the publics stream: the name is decorated
};

struct Line {
  std::string_view file;
  std::uint32_t line = 0;
  std::uint32_t rva = 0;  // where the line's code begins
};

// A function inlined at an address, innermost first.
struct InlineFrame {
  std::string name;
  std::string_view file;  // of the code inside the inlined function at the address
  std::uint32_t line = 0;
};

// x86 FPO_DATA and FRAMEDATA records, as they stand (winnt.h, dbghelp; LLVM's PDB sources).
struct FpoRecord {
  std::uint32_t rva = 0, size = 0, locals_size = 0, params_size = 0;  // bytes
  std::uint8_t prolog_size = 0, saved_registers = 0, frame_type = 0;
  bool has_seh = false, uses_bp = false;
};
struct FrameDataRecord {
  std::uint32_t rva = 0, size = 0, locals_size = 0, params_size = 0, max_stack = 0;
  std::string_view program;
  std::uint16_t prolog_size = 0, saved_registers_size = 0;
  std::uint32_t flags = 0;  // 1 SEH, 2 C++ EH, 4 function start
};

struct Field {
  std::string name;
  std::uint32_t offset = 0;                        // bytes
  std::uint32_t type = 0;                          // type index
  std::uint32_t bit_position = 0, bit_length = 0;  // bit_length 0: no bit field
};
struct Structure {
  std::string name;
  std::uint64_t size = 0;
  std::vector<Field> fields;  // members, not bases' members or static ones
};

// Where a local lies: that many bytes from a register.
struct LocalPlace {
  std::uint16_t base = 0;  // CodeView's number of the register (locals.h names it); 0: not known
  std::int32_t offset = 0;
  std::uint32_t in_local = 0;  // where in the local the part begins that lies here
  bool is_part = false;        // not the whole local
};
// A local variable or parameter with a place in the stack frame.
struct Local {
  std::string_view name;
  std::string function;  // of an inlined one's: its name; empty: the function's own
  std::uint32_t type = 0;
  std::string type_name;               // as type_name() has it
  std::optional<std::uint64_t> bytes;  // of its type
  bool is_parameter = false;
  std::vector<LocalPlace> places;  // at least one
};
struct FrameLocals {
  bool is_known = false;  // false: the PDB has no record of the function (a public PDB has none)
  std::vector<Local> locals;  // of all its scopes
};

// A name among all that a PDB has of its whole image.
enum class NameKind : std::uint8_t { procedure, data, public_name };
struct ListedSymbol {
  std::string_view name;  // of a public: decorated
  std::uint32_t rva = 0;
  std::uint32_t size = 0;  // 0: not known
  NameKind kind = NameKind::procedure;
};

class Pdb {
 public:
  // `file` outlives the Pdb. Opening reads the directory and a few headers alone.
  static base::Result<Pdb> open(base::Bytes file);
  Pdb(Pdb&&) noexcept;
  Pdb& operator=(Pdb&&) noexcept;
  ~Pdb();

  base::Guid guid() const;
  std::uint32_t age() const;      // the DBI stream's age, which images name; else the info stream's
  std::uint32_t machine() const;  // IMAGE_FILE_MACHINE_*, from DBI

  // The function at an RVA: a module's procedure (or thunk, label's function) that spans it, else
  // the nearest public before it in the same section contribution's section.
  std::optional<Function> function_at(std::uint32_t rva) const;
  // The line at an RVA.
  std::optional<Line> line_at(std::uint32_t rva) const;
  // Functions inlined at an RVA, innermost first; and the line of the innermost call in the
  // function.
  std::vector<InlineFrame> inlined_at(std::uint32_t rva, std::optional<Line>* call_line) const;
  // The locals of the function at an RVA, of those inlined into it too.
  FrameLocals locals_at(std::uint32_t rva) const;
  // The RVA of a name: procedures, then publics (decorated or plain C name), then global data.
  std::optional<std::uint32_t> rva_of(std::string_view name) const;

  // Every procedure, global datum and public whose name wants() takes, in the file's order, until
  // found() returns false. Publics may repeat the others.
  void each_symbol(const std::function<bool(std::string_view name, NameKind kind)>& wants,
                   const std::function<bool(const ListedSymbol&)>& found) const;

  std::optional<FpoRecord> fpo_at(std::uint32_t rva) const;
  std::optional<FrameDataRecord> frame_data_at(std::uint32_t rva) const;

  // A class, structure or union by its full name ("_KTHREAD"), forward references resolved.
  std::optional<Structure> structure(std::string_view name) const;
  // The same of a type index (a field's type); nothing for other types.
  std::optional<Structure> structure(std::uint32_t type) const;
  // The names of all of them, each once, in no order: decodes every type. Valid as long as the Pdb.
  std::vector<std::string_view> structure_names() const;
  // Bytes of a type: arrays, pointers, enums and simple types too. Nothing for functions.
  std::optional<std::uint64_t> size_of(std::uint32_t type) const;
  // "_LIST_ENTRY", "unsigned long*", "char[16]"; "?" for what has no name.
  std::string type_name(std::uint32_t type) const;

  // Forgets what was decoded of modules, to give its memory back; it is decoded again when it is
  // asked for. For work in the order of the code. What was handed out stays valid.
  void forget_modules() const;

 private:
  struct State;
  explicit Pdb(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace ntstack::pdb
