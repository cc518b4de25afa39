// Every local of every function that has a place in the frame against llvm-pdbutil: its name, type,
// function, register and offset, and the type's size; and that there are no others.
#include "pdb/locals.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <map>
#include <set>
#include <tuple>

#include "pdbutil.h"
#include "subjects.h"

namespace ntstack::tests {
namespace {

// Of what does not depend on how the tool names the frame's register.
using Place = std::tuple<std::string, std::uint32_t, std::string, std::int32_t>;
using Places = std::set<Place>;
using Procedure = std::pair<std::uint32_t, std::uint32_t>;

bool is_handler(const std::string& name) {
  for (const char* part : {"filt$", "fin$", "catch$", "dtor$"})
    if (name.find(part) != std::string::npos) return true;
  return false;
}

// Registers that a frame is never reached by: what lies at one is behind a pointer.
bool is_frame_register(const std::string& name) {
  return std::set<std::string>{"", "esp", "ebp", "vframe", "rsp", "rbp", "sp", "fp"}.contains(name);
}

Places ours(const pdb::FrameLocals& found, std::uint32_t machine) {
  Places places;
  for (const pdb::Local& local : found.locals)
    for (const pdb::LocalPlace& each : local.places) {
      std::string base(pdb::frame_register(each.base, machine));
      if (is_frame_register(base))
        places.insert({std::string(local.name), local.type, std::move(base), each.offset});
    }
  return places;
}

TEST(LocalsAgainstPdbutil, EveryFunctionHasThem) {
  NTSTACK_NEED_TOOL(tool, "llvm-pdbutil-19");
  std::size_t functions = 0, compared = 0, inlined = 0, parameters = 0, sized = 0;
  for (const Subject& subject : subjects()) {
    const Pdbutil truth(tool, subject.pdb);
    const OpenedPdb opened(subject);
    ASSERT_TRUE(opened.pdb);
    const auto types = truth.types();
    std::map<Procedure, std::vector<DumpedLocal>> locals;
    for (DumpedLocal& each : truth.locals())
      if (is_frame_register(each.base)) locals[{each.module, each.procedure}].push_back(each);
    std::map<std::uint32_t, int> at;
    for (const DumpedProcedure& procedure : truth.procedures()) ++at[procedure.rva];
    for (const DumpedProcedure& procedure : truth.procedures()) {
      if (at[procedure.rva] > 1) continue;  // the linker folded several into one
      if (procedure.section == 0 || procedure.is_thunk || is_handler(procedure.name)) continue;
      const auto function = opened.pdb->function_at(procedure.rva);
      if (!function || function->name != procedure.name) continue;  // folded into another
      const auto found = opened.pdb->locals_at(procedure.rva);
      EXPECT_TRUE(found.is_known) << subject.name << " " << procedure.name;
      const auto& expected = locals[{procedure.module, procedure.record}];
      Places theirs;
      for (const DumpedLocal& each : expected)
        theirs.insert({each.name, each.type, each.base, each.offset});
      Places mine = ours(found, opened.pdb->machine());
      if (opened.pdb->machine() == 0xaa64) {
        // The tool does not decode S_FRAMEPROC's registers there.
        Places plain;
        for (const auto& [name, type, base, offset] : mine) {
          const bool is_plain = theirs.contains({name, type, "", offset});
          if (is_plain) plain.insert({name, type, "", offset});
          if (!is_plain || theirs.contains({name, type, base, offset}))
            plain.insert({name, type, base, offset});
        }
        mine = plain;
      }
      EXPECT_EQ(mine, theirs) << subject.name << " " << procedure.name;
      ++functions;
      compared += theirs.size();
      for (const pdb::Local& local : found.locals) {
        inlined += !local.function.empty();
        for (const DumpedLocal& each : expected) {
          if (each.name != local.name || each.type != local.type || each.inlinee != 0 ||
              !local.function.empty() || each.offset != local.places.front().offset)
            continue;
          if (!each.is_parameter) continue;
          EXPECT_EQ(*each.is_parameter, local.is_parameter) << procedure.name << " " << each.name;
          parameters += *each.is_parameter;
        }
        auto type = types.find(local.type);
        if (type != types.end() && type->second.definition)
          type = types.find(*type->second.definition);
        if (type == types.end() || type->second.size == 0) continue;
        EXPECT_EQ(local.bytes, type->second.size) << local.type_name;
        ++sized;
      }
    }
  }
  std::printf(
      "locals: %zu places in %zu functions; %zu of inlined ones; %zu parameters; %zu sizes\n",
      compared, functions, inlined, parameters, sized);
  EXPECT_GT(compared, 200U);
}

const pdb::Local* named(const pdb::FrameLocals& locals, std::string_view name,
                        std::uint64_t bytes) {
  for (const pdb::Local& each : locals.locals)
    if (each.name == name && each.bytes == bytes) return &each;
  return nullptr;
}

// By the program's source (programs/locals.c), on x86, x64 and ARM64, optimized or not.
TEST(LocalsOfAProgram, AreThoseOfItsSource) {
  std::size_t programs = 0;
  for (const Subject& subject : subjects()) {
    if (!subject.is_clang) continue;
    const OpenedPdb opened(subject);
    ASSERT_TRUE(opened.pdb);
    const auto of = [&](std::string_view function) {
      const auto rva = opened.pdb->rva_of(function);
      return rva ? opened.pdb->locals_at(*rva) : pdb::FrameLocals{};
    };
    const auto blocks = of("with_blocks");
    const auto* buffer = named(blocks, "buffer", 1024);
    ASSERT_TRUE(buffer) << subject.name;
    EXPECT_EQ(buffer->type_name, "char[1024]");
    EXPECT_FALSE(buffer->is_parameter);
    EXPECT_TRUE(buffer->function.empty());
    EXPECT_TRUE(named(blocks, "buffer", 200)) << subject.name << ": that of the other block";
    const auto* table = named(blocks, "table", 128);
    EXPECT_TRUE(table) << subject.name;
    const auto inlining = of("with_inlined");
    const auto* inner = named(inlining, "inner", 300);
    ASSERT_TRUE(inner) << subject.name;
    EXPECT_EQ(inner->function, "inlined_with_buffer");
    ASSERT_TRUE(named(inlining, "own", 64));
    EXPECT_TRUE(named(of("with_alignment"), "lined", 256)) << subject.name;
    // On x86 the optimizer keeps it by ESI, which nothing tells from a pointer.
    if (subject.name != "x86_O2" && subject.name != "x86_fpo") {
      EXPECT_TRUE(named(of("with_alloca"), "fixed", 128)) << subject.name;
    }
    const auto context = of("with_context");
    const auto* ctx = named(context, "ctx", 1232);
    ASSERT_TRUE(ctx) << subject.name;
    EXPECT_EQ(ctx->type_name, "context");
    ++programs;
  }
  std::printf("locals of %zu programs\n", programs);
}

}  // namespace
}  // namespace ntstack::tests
