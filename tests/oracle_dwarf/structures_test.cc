// Structures' layouts, against the compiler's own offsetof and sizeof in a table of the image, and
// all members with their bits against the PDB that clang writes for the same source.
#include <gtest/gtest.h>

#include <algorithm>

#include "compiled.h"
#include "pdb/pdb.h"

namespace ntstack::tests {
namespace {

namespace fs = std::filesystem;

struct Row {
  std::array<char, 24> structure, member;
  std::uint32_t offset, size, structure_size;
};

std::string_view text_of(const std::array<char, 24>& text) {
  return base::Bytes(std::as_bytes(std::span(text))).text(0);
}

const pdb::Field* field_of(const pdb::Structure& structure, std::string_view name) {
  const auto found = std::ranges::find(structure.fields, name, &pdb::Field::name);
  return found == structure.fields.end() ? nullptr : &*found;
}

void expect_row(const dwarf::Dwarf& dwarf, const Row& row) {
  std::string_view name = text_of(row.structure);
  if (name.starts_with("struct ")) name.remove_prefix(7);
  const auto structure = dwarf.structure(name);
  ASSERT_TRUE(structure) << name;
  EXPECT_EQ(structure->size, row.structure_size) << name;
  const pdb::Field* field = field_of(*structure, text_of(row.member));
  ASSERT_TRUE(field) << name << " " << text_of(row.member);
  EXPECT_EQ(field->offset, row.offset) << name << " " << text_of(row.member);
  EXPECT_EQ(dwarf.size_of(field->type), row.size) << name << " " << text_of(row.member);
}

TEST(DwarfStructures, MembersLieWhereTheCompilerSays) {
  for (const Build& build : builds()) {
    if (!can_build(build)) continue;
    SCOPED_TRACE(build.name);
    const TemporaryFolder folder;
    const auto compiled = compile(build, "layouts.c", folder.path());
    ASSERT_TRUE(compiled && compiled->dwarf);
    const auto table = compiled->dwarf->rva_of("layout_table");
    ASSERT_TRUE(table);
    std::size_t rows = 0;
    for (;; ++rows) {
      const auto row =
          compiled->image.get<Row>(*table + static_cast<std::uint32_t>(rows * sizeof(Row)));
      ASSERT_TRUE(row);
      if (row->structure_size == 0) break;
      expect_row(*compiled->dwarf, *row);
    }
    EXPECT_EQ(rows, 20u);
    EXPECT_FALSE(compiled->dwarf->structure("_NO_SUCH_STRUCTURE"));
  }
}

TEST(DwarfStructures, TypesOfMembersHaveTheirNames) {
  for (const Build& build : builds()) {
    if (!can_build(build)) continue;
    SCOPED_TRACE(build.name);
    const TemporaryFolder folder;
    const auto compiled = compile(build, "layouts.c", folder.path());
    ASSERT_TRUE(compiled && compiled->dwarf);
    const auto outer = compiled->dwarf->structure("_OUTER");
    ASSERT_TRUE(outer);
    const auto type_of = [&](std::string_view member) {
      return compiled->dwarf->type_name(field_of(*outer, member)->type);
    };
    EXPECT_EQ(type_of("Entry"), "LIST_ENTRY");
    EXPECT_EQ(type_of("Matrix"), "int[3][5]");
    EXPECT_EQ(type_of("Heads"), "LIST_ENTRY[2]");
    EXPECT_TRUE(type_of("Next").ends_with("_OUTER*")) << type_of("Next");
    const auto inside = compiled->dwarf->structure(field_of(*outer, "Entry")->type);
    ASSERT_TRUE(inside);
    EXPECT_EQ(inside->fields.size(), 2u);
  }
}

// GCC can put a type into a unit of its own, in DWARF 4 in a section of its own.
TEST(DwarfStructures, ThoseInUnitsOfTheirOwnAreFound) {
  for (const Build& build : builds()) {
    if (!can_build(build) || build.name.find("gcc") == std::string::npos) continue;
    SCOPED_TRACE(build.name);
    const TemporaryFolder folder;
    const auto compiled = compile(build, "scopes.cc", folder.path(),
                                  "-fdebug-types-section -fno-exceptions -fno-rtti");
    ASSERT_TRUE(compiled && compiled->dwarf);
    const auto structure = compiled->dwarf->structure("outer::inner::Base");
    ASSERT_TRUE(structure);
    EXPECT_EQ(structure->size, 4u);
    ASSERT_EQ(structure->fields.size(), 1u);
    EXPECT_EQ(structure->fields[0].name, "member");
    EXPECT_EQ(compiled->dwarf->type_name(structure->fields[0].type), "int");
    EXPECT_EQ(compiled->dwarf->size_of(structure->fields[0].type), 4u);
    EXPECT_TRUE(compiled->dwarf->rva_of("outer::inner::Base::fixed"));
  }
}

// clang for MinGW lays structures out alike whichever debug information it writes.
TEST(DwarfStructures, AllMembersAndBitsAreThoseOfThePdb) {
  NTSTACK_NEED_TOOL(clang, "clang-19");
  NTSTACK_NEED_TOOL(lld, "ld.lld-19");
  const TemporaryFolder folder;
  const fs::path source = fs::path(NTSTACK_PROGRAMS) / "layouts.c";
  const auto built = [&](const std::string& name, const std::string& options,
                         const std::string& link) {
    const fs::path object = folder.path() / (name + ".o"), image = folder.path() / (name + ".exe");
    EXPECT_EQ(run(quoted(clang) + " --target=x86_64-w64-mingw32 -O1 -c " + options + " -o " +
                  quoted(object) + " " + quoted(source))
                  .exit_code,
              0);
    EXPECT_EQ(
        run(quoted(lld) + " -m i386pep -e start -o " + quoted(image) + " " + quoted(object) + link)
            .exit_code,
        0);
    return image;
  };
  const fs::path pdb_path = folder.path() / "with.pdb";
  built("with_pdb", "-g -gcodeview", " --pdb=" + quoted(pdb_path));
  const auto file = base::MappedFile::open(pdb_path);
  ASSERT_TRUE(file);
  const auto pdb = pdb::Pdb::open(file->bytes());
  ASSERT_TRUE(pdb);
  for (const char* version : {"-gdwarf-4", "-gdwarf-5"}) {
    const auto compiled = open_compiled(built("with_dwarf", version, ""));
    ASSERT_TRUE(compiled && compiled->dwarf);
    for (const char* name : {"_OUTER", "_PACKED", "_LIST_ENTRY", "UNNAMED"}) {
      const auto wanted = pdb->structure(std::string_view(name));
      const auto found = compiled->dwarf->structure(std::string_view(name));
      ASSERT_TRUE(wanted && found) << name;
      EXPECT_EQ(found->size, wanted->size);
      ASSERT_EQ(found->fields.size(), wanted->fields.size()) << name;
      for (std::size_t i = 0; i < wanted->fields.size(); ++i) {
        const pdb::Field &ours = found->fields[i], &theirs = wanted->fields[i];
        EXPECT_EQ(ours.name, theirs.name);
        EXPECT_EQ(ours.offset * 8 + ours.bit_position, theirs.offset * 8 + theirs.bit_position)
            << name << " " << ours.name;
        EXPECT_EQ(ours.bit_length, theirs.bit_length) << name << " " << ours.name;
      }
    }
  }
}

}  // namespace
}  // namespace ntstack::tests
