// The first seed's machine, its dump and who waits in it, for tests that change the machine first.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <vector>

#include "analysis/wait_graph.h"
#include "app/session.h"
#include "stacks/walker.h"
#include "test_files.h"
#include "world/guest_source.h"
#include "world/seed1.h"
#include "world/triage_writer.h"

namespace ntstack {

class SeedWaits : public testing::Test {
 protected:
  // `modules`: where the world's images are.
  SeedWaits(const std::filesystem::path& modules, std::filesystem::path symbols)
      : seed_(world::build_seed1(modules)), symbols_(std::move(symbols)) {}

  // Reads a dump of the machine as it is now. `has_all`: with the machine's whole memory.
  void look(bool has_all) {
    bytes_ = write_triage_dump(*seed_.world, seed_.threads);
    auto dump = dump::parse(base::Bytes::of(std::span<const std::uint8_t>(bytes_)));
    ASSERT_TRUE(dump);
    if (has_all)
      dump->memory = std::make_unique<world::GuestSource>(*seed_.world, std::move(dump->memory));
    app::DumpOptions options;
    options.dump = "w3wp.dmp";
    options.offline = true;
    options.symbol_path = symbols_.string();
    reader_.reset();
    session_.emplace(app::Session::over(std::move(*dump), options));
    stacks::Walker walker(session_->machine(), session_->symbolizer(), {});
    stacks_ = walker.walk_all();
    reader_ = std::make_unique<analysis::WaitReader>(
        analysis::KernelView(session_->machine(), session_->symbolizer()),
        stacks::SymbolizerMaker());
    const analysis::WaitSource source{reader_.get(), 0};
    graph_ = analysis::wait_graph_of(stacks_, std::span(&source, 1));
  }

  // The kernel's own list has one resource: the file's.
  std::uint64_t resource() const {
    return machine().get<std::uint64_t>(seed_.world->nt("ExpSystemResourcesList"));
  }
  world::Machine& machine() const { return seed_.world->machine(); }
  std::uint64_t owner() const { return with_role("owner").front(); }
  std::vector<std::uint64_t> with_role(std::string_view role) const {
    std::vector<std::uint64_t> found;
    for (const world::ThreadTruth& thread : seed_.threads)
      if (thread.role.ends_with(role)) found.push_back(thread.ethread);
    return found;
  }
  std::uint64_t thread_of(std::size_t stack) const { return stacks_[stack].thread->address; }
  const analysis::AwaitedObject* object_at(std::uint64_t address) const {
    for (const analysis::AwaitedObject& each : graph_.objects)
      if (each.object.address == address) return &each;
    return nullptr;
  }
  analysis::Ownership owners(analysis::ObjectKind kind, std::uint64_t address) {
    analysis::WaitedObject object;
    object.kind = kind;
    object.address = address;
    object.certainty = analysis::Certainty::fact;
    return analysis::owners_of(*reader_, object, stacks_.front());
  }

  world::Seed1 seed_;
  std::filesystem::path symbols_;
  std::vector<std::uint8_t> bytes_;
  std::optional<app::Session> session_;
  std::unique_ptr<analysis::WaitReader> reader_;
  std::vector<stacks::Stack> stacks_;
  analysis::WaitGraph graph_;
};

}  // namespace ntstack
