#include "app/walked.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

#include "app/bundles.h"
#include "stacks/join.h"
#include "stacks/walker.h"

namespace ntstack::app {
namespace {

bool is_never_hopeless(const store::Wanted&) { return false; }

// One round: what is at hand now, and what the stacks would want in the next.
struct Round {
  Walked walked;
  std::vector<store::Wanted> wanted;
};

// Walks the chosen stacks of one dump, and adds what they lack to the round.
stacks::DumpStacks walk_one(Session& session, const WalkRequest& request, Round& round) {
  const ThreadChoice& choice = request.choice;
  const target::Machine& machine = session.machine();
  stacks::Walker walker(machine, session.symbolizer(), session.symbolizer_maker());
  stacks::Walker::IsWanted is_wanted;
  if (!choice.is_all())
    is_wanted = [&](const target::Thread& thread) { return choice.takes(machine, thread); };
  stacks::DumpStacks dump{walker.walk_all(is_wanted), session.facts().file_name,
                          stacks::origin_of(machine)};
  // Before files are looked for that the stacks did without.
  for (symbols::Missing& one : walker.missing()) {
    const auto is_same = [&](const symbols::Missing& other) {
      return other.module == one.module && other.remedy == one.remedy;
    };
    if (std::ranges::none_of(round.walked.missing, is_same))
      round.walked.missing.push_back(std::move(one));
  }
  const auto symbolizer_of = [&](const stacks::Stack& stack, const stacks::Frame& frame) {
    return walker.symbolizer_of(stack, frame);
  };
  const Downloads& downloads = *request.downloads;
  if (downloads.are_possible() && !downloads.was_interrupted()) {
    const auto is_hopeless = [&](const store::Wanted& file) { return downloads.is_hopeless(file); };
    const auto needs = file_needs(dump.stacks, symbolizer_of, is_hopeless, true);
    std::ranges::copy(session.lacking_kernel_files(), std::back_inserter(round.wanted));
    std::ranges::copy(files_of(needs, is_hopeless), std::back_inserter(round.wanted));
  }
  if (request.with_needs)
    std::ranges::move(file_needs(dump.stacks, symbolizer_of, is_never_hopeless, false),
                      std::back_inserter(round.walked.needs));
  return dump;
}

base::Result<Round> walk_once(const WalkRequest& request, const DumpOptions& paths) {
  auto set = request.opened ? base::Result<DumpSet>(request.opened(paths))
                            : open_dumps(request.dumps, paths);
  if (!set) return std::unexpected(std::move(set.error()));
  Round round;
  round.walked.set = std::move(*set);
  std::vector<stacks::DumpStacks> walked;
  for (Session& session : round.walked.set.sessions)
    walked.push_back(walk_one(session, request, round));
  if (walked.size() == 1) {
    round.walked.stacks = std::move(walked.front().stacks);
    add_states(round.walked.set.bundles, round.walked.stacks);
    return round;
  }
  stacks::Joined joined = stacks::join(std::move(walked));
  round.walked.stacks = std::move(joined.stacks);
  round.walked.notes = std::move(joined.notes);
  add_states(round.walked.set.bundles, round.walked.stacks);
  return round;
}

}  // namespace

base::Result<Walked> walk_dumps(const WalkRequest& request) {
  DumpOptions paths = request.paths;
  request.downloads->serve(paths);
  UnpackedZips unpacked;
  if (!paths.unpacked) paths.unpacked = &unpacked;
  while (true) {
    auto round = walk_once(request, paths);
    if (!round) return std::unexpected(std::move(round.error()));
    // Each round asks for files that none before asked for, so that there is a last.
    if (request.downloads->get(round->wanted).empty()) return std::move(round->walked);
  }
}

report::StackFacts stack_facts_of(Walked& walked, bool is_all) {
  const std::vector<Session>& sessions = walked.set.sessions;
  report::StackFacts facts{sessions.front().facts(), {}, walked.stacks, std::move(walked.missing)};
  for (std::size_t i = 1; i < sessions.size(); ++i) facts.more.push_back(sessions[i].facts());
  const bool may_lack =
      !facts.more.empty() || !walked.set.bundles.empty() || facts.of.dump.kernel_stacks.has_value();
  if (is_all && may_lack) facts.missing_threads = missing_threads(walked.set, walked.stacks);
  facts.notes = std::move(walked.set.notes);
  if (std::string note = processes_note(sessions); !note.empty())
    facts.notes.push_back(std::move(note));
  std::ranges::move(walked.notes, std::back_inserter(facts.notes));
  return facts;
}

}  // namespace ntstack::app
