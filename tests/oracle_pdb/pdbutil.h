// What llvm-pdbutil prints of a PDB, taken back into plain records: the truth that the reader is
// checked against.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace ntstack::tests {

struct DumpedPublic {
  std::string name;
  bool is_function = false;
  std::uint32_t rva = 0;
};

struct DumpedProcedure {
  std::uint32_t module = 0, record = 0, end = 0;
  std::string name;
  std::uint32_t section = 0, rva = 0, size = 0;
  bool is_thunk = false;
};

struct DumpedLine {
  std::string file;
  std::uint32_t line = 0, rva = 0;
};
struct DumpedPiece {
  std::uint32_t module = 0, section = 0, begin = 0, end = 0;  // RVAs
  std::vector<DumpedLine> lines;
};

// One inline site and the code that its annotations say is its own.
struct DumpedRange {
  std::uint32_t begin = 0, end = 0;  // from the procedure's start; end 0: not said
  std::int32_t line_delta = 0;
};
struct DumpedSite {
  std::uint32_t module = 0, record = 0, parent = 0, id = 0;
  std::string name;  // as the tool prints it, without a scope
  std::vector<DumpedRange> ranges;
};

// A local with one place relative to a register.
struct DumpedLocal {
  std::uint32_t module = 0, procedure = 0;  // the record of the procedure
  std::uint32_t inlinee = 0;                // 0: not in an inline site
  std::string name;
  std::uint32_t type = 0;
  std::optional<bool> is_parameter;  // of S_LOCAL
  std::string base;                  // lower case; empty: the tool does not know it
  std::int32_t offset = 0;
};

struct DumpedInlinee {
  std::string file;
  std::uint32_t line = 0;
};

struct DumpedField {
  std::string name;
  std::uint32_t type = 0, offset = 0;
};
struct DumpedType {
  std::string kind;  // "LF_STRUCTURE", ...
  std::string name, unique_name;
  std::uint32_t fields = 0;
  std::uint64_t size = 0;
  std::optional<std::uint32_t> definition;  // of a forward reference
  bool is_forward = false;
  std::vector<DumpedField> members;  // of an LF_FIELDLIST
  std::uint32_t continued = 0;       // its LF_INDEX
  std::uint32_t bits_of = 0, bit_offset = 0, bit_count = 0;
};

struct DumpedFpo {
  std::uint32_t rva = 0, size = 0, locals = 0, params = 0, prolog = 0, saved = 0;
  bool uses_bp = false, has_seh = false;
};
struct DumpedFrame {
  std::uint32_t rva = 0, size = 0, locals = 0, params = 0, stack = 0, prolog = 0, saved = 0;
  bool has_seh = false, has_cpp_eh = false, is_start = false;
  std::string program;
};

struct DumpedContribution {
  std::uint32_t module = 0, section = 0, offset = 0, size = 0;
};

class Pdbutil {
 public:
  Pdbutil(std::filesystem::path tool, std::filesystem::path pdb);

  std::vector<DumpedPublic> publics() const;
  std::vector<DumpedProcedure> procedures() const;
  std::vector<DumpedSite> sites() const;
  std::vector<DumpedPiece> pieces() const;
  std::vector<DumpedLocal> locals() const;
  // By module and id.
  std::map<std::pair<std::uint32_t, std::uint32_t>, DumpedInlinee> inlinees() const;
  std::map<std::uint32_t, DumpedType> types() const;
  std::map<std::uint32_t, std::string> function_ids() const;  // names without scopes
  // What ids taken from other modules stand for, by module and id.
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::uint32_t> imported_ids() const;
  std::vector<DumpedFpo> fpo() const;
  std::vector<DumpedFrame> frames() const;
  std::vector<DumpedContribution> contributions() const;

  std::uint32_t rva(std::uint32_t section, std::uint32_t offset) const;  // 0: no such section

 private:
  std::vector<std::string> dump(const std::string& options) const;
  std::vector<std::string> lines_of(const std::string& command) const;
  std::map<std::uint32_t, std::string> strings() const;
  std::map<std::uint32_t, std::vector<std::uint32_t>> import_chunks() const;

  std::filesystem::path tool_, pdb_;
  std::vector<std::uint32_t> sections_;  // RVAs
  std::vector<std::string> symbols_;     // printed once, looked at twice
};

}  // namespace ntstack::tests
