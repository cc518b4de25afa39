// Everything that a Pdb keeps: its streams and what has been decoded of them so far. Nothing is
// decoded before it is asked for; a stream that is missing or unsound is as one that is empty.
#pragma once

#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "pdb/address_map.h"
#include "pdb/contributions.h"
#include "pdb/dbi.h"
#include "pdb/frames.h"
#include "pdb/gsi.h"
#include "pdb/info_stream.h"
#include "pdb/inline_sites.h"
#include "pdb/lines.h"
#include "pdb/module.h"
#include "pdb/msf.h"
#include "pdb/name_table.h"
#include "pdb/pdb.h"
#include "pdb/publics.h"
#include "pdb/types.h"

namespace ntstack::pdb {

struct Module {
  ModuleSymbols symbols;
  base::Bytes subsections;                                     // of lines
  std::optional<ModuleLines> lines;                            // of them, when first asked for
  std::unordered_map<std::uint32_t, InlineTree> inline_trees;  // by the procedure's record

  ModuleLines& decoded_lines() {
    if (!lines) lines = ModuleLines(subsections);
    return *lines;
  }
};

struct Pdb::State {
  State(Msf container, InfoStream info_stream)
      : msf(std::move(container)), info(std::move(info_stream)) {}

  Stream stream(std::uint32_t index) const;
  base::Bytes debug_stream(DebugStream which) const;

  const std::vector<ModuleEntry>& modules();
  Module* module(std::uint32_t index);
  void forget_modules() { decoded_modules.clear(); }
  const AddressMap& addresses();
  const Contributions& contributions();
  const Publics& publics();
  const GlobalHash& globals();
  const NameTable& names();

  // Where a name's offsets count from, see Pdb::function_at.
  std::uint32_t start_for(SectionOffset start, SectionOffset place, std::uint32_t rva);
  static std::uint32_t start_for(std::uint32_t source_start, std::uint32_t source,
                                 std::uint32_t rva);

  // The module whose code or data a place is.
  struct Owner {
    std::uint32_t module;
    Module* decoded;
    std::uint32_t contribution;  // offset in the section where the module's piece begins
  };
  std::optional<Owner> owner_of(SectionOffset place);

  // Where an RVA of the image is in the source's sections.
  std::optional<SectionOffset> locate(std::uint32_t rva);

  Types& types();
  const FrameRecords& fpo();
  const FrameRecords& frame_data();

  // The name of the function that a module's inline site calls by this id.
  std::string inlined_name(ModuleLines& lines, std::uint32_t id);

  std::optional<Line> line_at(SectionOffset place, std::uint32_t rva);

  // all_symbols.cc
  std::optional<ProcedureSymbol> procedure_by(const ProcedureReference& reference);

  // functions.cc
  std::optional<Function> function_at(SectionOffset place, std::uint32_t rva);
  std::optional<std::uint32_t> procedure_named(std::string_view name);
  std::optional<std::uint32_t> public_named(std::string_view name);
  std::optional<std::uint32_t> data_named(std::string_view name);

  Msf msf;
  InfoStream info;
  std::optional<Dbi> dbi;

 private:
  std::optional<Function> named_by_module(const Owner& owner, SectionOffset place,
                                          std::uint32_t rva);
  std::optional<Function> named_by_label(const Owner& owner, SectionOffset place,
                                         std::uint32_t rva);
  std::optional<Function> name_separated_code(const SeparatedCode& code, SectionOffset place,
                                              std::uint32_t rva);
  std::string_view trampoline_name(const Trampoline& trampoline, const Module& module);

  // All modules' procedures, for PDBs that do not say which module an address is of.
  struct Spot {
    std::uint64_t address;  // section and offset
    std::uint32_t module;
  };
  const std::vector<Spot>& spots();

  std::optional<std::vector<ModuleEntry>> module_entries;
  std::unordered_map<std::uint16_t, Module> decoded_modules;  // by stream
  std::optional<AddressMap> address_map;
  std::optional<Contributions> section_contributions;
  std::optional<Publics> public_symbols;
  std::optional<GlobalHash> global_symbols;
  std::optional<NameTable> name_table;
  std::optional<Types> decoded_types;
  std::optional<FrameRecords> fpo_frames;
  std::optional<FrameRecords> new_frames;
  std::optional<std::unordered_map<std::string, std::uint32_t>> modules_by_name;  // lower case
  std::optional<std::vector<Spot>> procedure_spots;
  std::unordered_map<std::uint64_t, std::string> trampoline_names;  // by section and offset
};

}  // namespace ntstack::pdb
