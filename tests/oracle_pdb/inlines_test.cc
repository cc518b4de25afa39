// Every inline site's every range against llvm-pdbutil: the site's function is among those inlined
// at the range's first and last byte, at its depth, at the line that the tool shows.
#include <gtest/gtest.h>

#include <cstdio>
#include <map>

#include "pdbutil.h"
#include "subjects.h"

namespace ntstack::tests {
namespace {

struct Placed {
  const DumpedProcedure* procedure = nullptr;
  std::size_t depth = 0;  // 0: directly in the procedure
};

class Sites {
 public:
  Sites(const std::vector<DumpedProcedure>& procedures, const std::vector<DumpedSite>& sites) {
    for (const DumpedProcedure& each : procedures) procedures_[{each.module, each.record}] = &each;
    for (const DumpedSite& each : sites) sites_[{each.module, each.record}] = &each;
  }

  Placed place(const DumpedSite& site) const {
    Placed placed;
    std::uint32_t parent = site.parent;
    for (; placed.depth < 1000; ++placed.depth) {
      if (const auto found = procedures_.find({site.module, parent}); found != procedures_.end()) {
        placed.procedure = found->second;
        return placed;
      }
      const auto around = sites_.find({site.module, parent});
      if (around == sites_.end()) return {};
      parent = around->second->parent;
    }
    return {};
  }

 private:
  std::map<std::pair<std::uint32_t, std::uint32_t>, const DumpedProcedure*> procedures_;
  std::map<std::pair<std::uint32_t, std::uint32_t>, const DumpedSite*> sites_;
};

// The tool prints names without their scope and cuts long ones.
bool is_named(const std::string& ours, std::string printed) {
  if (!printed.ends_with("...")) return ours.ends_with(printed);
  printed.resize(printed.size() - 3);
  return ours.find(printed) != std::string::npos;
}

TEST(InlinesAgainstPdbutil, EverySiteIsFoundAtItsCode) {
  NTSTACK_NEED_TOOL(tool, "llvm-pdbutil-19");
  std::size_t sites_seen = 0, ranges_seen = 0, unplaced = 0, folded = 0, by_import = 0;
  for (const Subject& subject : subjects()) {
    const Pdbutil truth(tool, subject.pdb);
    const OpenedPdb opened(subject);
    ASSERT_TRUE(opened.pdb);
    const auto procedures = truth.procedures();
    const auto sites = truth.sites();
    const auto inlinees = truth.inlinees();
    const auto names = truth.function_ids();
    const auto imported = truth.imported_ids();
    const Sites tree(procedures, sites);
    for (const DumpedSite& site : sites) {
      const Placed placed = tree.place(site);
      const auto inlinee = inlinees.find({site.module, site.id});
      if (!placed.procedure || placed.procedure->section == 0 || inlinee == inlinees.end()) {
        ++unplaced;
        continue;
      }
      // Functions of the same code were folded into one: only one of them is found.
      const auto function = opened.pdb->function_at(placed.procedure->rva);
      if (function && function->name != placed.procedure->name) {
        ++folded;
        continue;
      }
      ++sites_seen;
      for (const DumpedRange& range : site.ranges) {
        const std::uint32_t end = range.end ? range.end : placed.procedure->size;
        if (end <= range.begin) continue;
        for (const std::uint32_t offset : {range.begin, end - 1}) {
          const auto frames = opened.pdb->inlined_at(placed.procedure->rva + offset, nullptr);
          ASSERT_GT(frames.size(), placed.depth) << subject.name << " " << placed.procedure->name
                                                 << "+" << std::hex << offset << " " << site.name;
          const pdb::InlineFrame& frame = frames[frames.size() - 1 - placed.depth];
          EXPECT_EQ(frame.line, inlinee->second.line + static_cast<std::uint32_t>(range.line_delta))
              << subject.name << " " << placed.procedure->name << "+" << std::hex << offset;
          if (site.name.empty()) {
            const auto id = imported.find({site.module, site.id});
            ASSERT_NE(id, imported.end()) << subject.name << " " << std::hex << site.id;
            const auto name = names.find(id->second);
            ASSERT_NE(name, names.end()) << subject.name << " " << std::hex << site.id << " is "
                                         << id->second << ", we say " << frame.name;
            EXPECT_TRUE(is_named(frame.name, name->second)) << frame.name;
            ++by_import;
          } else {
            EXPECT_TRUE(is_named(frame.name, site.name)) << frame.name << " is no " << site.name;
          }
        }
        ++ranges_seen;
      }
    }
  }
  std::printf(
      "inline sites: %zu with %zu ranges; %zu not in code, %zu in folded functions; %zu looks at "
      "imported ids\n",
      sites_seen, ranges_seen, unplaced, folded, by_import);
}

}  // namespace
}  // namespace ntstack::tests
