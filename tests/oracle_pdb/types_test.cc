// Every class, structure and union against llvm-pdbutil: size and members, by index and by name.
#include <gtest/gtest.h>

#include <cstdio>
#include <map>
#include <set>

#include "pdbutil.h"
#include "subjects.h"

namespace ntstack::tests {
namespace {

using Types = std::map<std::uint32_t, DumpedType>;

bool is_structure(const DumpedType& type) {
  return type.kind == "LF_STRUCTURE" || type.kind == "LF_CLASS" || type.kind == "LF_UNION" ||
         type.kind == "LF_INTERFACE";
}

std::vector<pdb::Field> fields_of(const Types& types, const DumpedType& type) {
  std::vector<pdb::Field> fields;
  for (std::uint32_t list = type.fields; list != 0;) {
    const auto found = types.find(list);
    if (found == types.end()) break;
    for (const DumpedField& each : found->second.members) {
      pdb::Field field{each.name, each.offset, each.type, 0, 0};
      const auto of = types.find(each.type);
      if (of != types.end() && of->second.kind == "LF_BITFIELD") {
        field.type = of->second.bits_of;
        field.bit_position = of->second.bit_offset;
        field.bit_length = of->second.bit_count;
      }
      fields.push_back(field);
    }
    list = found->second.continued;
  }
  return fields;
}

void expect_equal(const pdb::Structure& ours, const DumpedType& type,
                  const std::vector<pdb::Field>& fields, const std::string& where) {
  EXPECT_EQ(ours.name, type.name) << where;
  EXPECT_EQ(ours.size, type.size) << where;
  ASSERT_EQ(ours.fields.size(), fields.size()) << where << " " << type.name;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const std::string at = where + " " + type.name + "::" + fields[i].name;
    EXPECT_EQ(ours.fields[i].name, fields[i].name) << at;
    EXPECT_EQ(ours.fields[i].offset, fields[i].offset) << at;
    EXPECT_EQ(ours.fields[i].type, fields[i].type) << at;
    EXPECT_EQ(ours.fields[i].bit_position, fields[i].bit_position) << at;
    EXPECT_EQ(ours.fields[i].bit_length, fields[i].bit_length) << at;
  }
}

TEST(TypesAgainstPdbutil, EveryStructureHasItsMembers) {
  NTSTACK_NEED_TOOL(tool, "llvm-pdbutil-19");
  std::size_t structures = 0, members = 0, bit_fields = 0, continued = 0;
  for (const Subject& subject : subjects()) {
    const Types types = Pdbutil(tool, subject.pdb).types();
    const OpenedPdb opened(subject);
    ASSERT_TRUE(opened.pdb);
    for (const auto& [index, type] : types) {
      if (type.continued) ++continued;
      if (!is_structure(type) || type.is_forward) continue;
      const auto fields = fields_of(types, type);
      const auto ours = opened.pdb->structure(index);
      ASSERT_TRUE(ours) << subject.name << " " << type.name;
      expect_equal(*ours, type, fields, subject.name);
      EXPECT_EQ(opened.pdb->size_of(index), type.size);
      ++structures;
      members += fields.size();
      for (const pdb::Field& each : fields) bit_fields += each.bit_length != 0;
    }
  }
  std::printf("structures: %zu, members: %zu, of them bit fields: %zu; continued lists: %zu\n",
              structures, members, bit_fields, continued);
}

TEST(TypesAgainstPdbutil, EveryStructureIsFoundByItsName) {
  NTSTACK_NEED_TOOL(tool, "llvm-pdbutil-19");
  std::size_t by_name = 0, ambiguous = 0, by_reference = 0, dangling = 0;
  for (const Subject& subject : subjects()) {
    const Types types = Pdbutil(tool, subject.pdb).types();
    const OpenedPdb opened(subject);
    ASSERT_TRUE(opened.pdb);
    std::map<std::string, std::set<std::uint32_t>> named;
    for (const auto& [index, type] : types) {
      if (is_structure(type) && !type.is_forward) named[type.name].insert(index);
    }
    for (const auto& [name, indexes] : named) {
      // Types without a name share one; unlike definitions of one name are the program's doing.
      if (indexes.size() > 1 || name.find("<unnamed") != std::string::npos) {
        ++ambiguous;
        continue;
      }
      const DumpedType& type = types.at(*indexes.begin());
      const auto ours = opened.pdb->structure(std::string_view(name));
      ASSERT_TRUE(ours) << subject.name << " " << name;
      expect_equal(*ours, type, fields_of(types, type), subject.name);
      ++by_name;
    }
    for (const auto& [index, type] : types) {
      if (!is_structure(type) || !type.is_forward) continue;
      if (!type.definition) {
        ++dangling;
        continue;
      }
      const auto ours = opened.pdb->structure(index);
      const DumpedType& definition = types.at(*type.definition);
      ASSERT_TRUE(ours) << subject.name << " " << type.name;
      expect_equal(*ours, definition, fields_of(types, definition), subject.name);
      EXPECT_EQ(opened.pdb->size_of(index), definition.size);
      ++by_reference;
    }
  }
  std::printf(
      "structures by name: %zu (%zu names of several), by forward reference: %zu "
      "(%zu of types without a definition)\n",
      by_name, ambiguous, by_reference, dangling);
}

}  // namespace
}  // namespace ntstack::tests
