// The graph of waits built by hand: counts, roots and cycles as they are by definition.
#include "analysis/wait_graph.h"

#include <gtest/gtest.h>

namespace ntstack::analysis {
namespace {

// Thread i has stack i.
class Builder {
 public:
  explicit Builder(std::size_t threads) : threads_(threads) {}
  std::size_t object(ObjectKind kind, std::vector<std::size_t> holders,
                     Certainty certainty = Certainty::fact) {
    AwaitedObject awaited;
    awaited.object.kind = kind;
    awaited.object.certainty = Certainty::fact;
    awaited.object.address = 0x1000 + graph.objects.size();
    for (const std::size_t stack : holders) {
      Holder holder;
      holder.stack = stack;
      holder.certainty = certainty;
      awaited.holders.push_back(holder);
    }
    graph.objects.push_back(awaited);
    return graph.objects.size() - 1;
  }
  void wait(std::size_t thread, std::vector<std::size_t> objects, WaitKind kind = WaitKind::lock) {
    Wait wait;
    wait.stack = thread;
    wait.words = WaitWords{kind, "a lock", 0, ObjectKind::unknown};
    for (const std::size_t each : objects)
      graph.objects[each].waiters.push_back(graph.waits.size());
    graph.waits.push_back(wait);
    graph.waits_for.push_back(std::move(objects));
  }
  const WaitGraph& joined() {
    join_waits(graph, threads_);
    return graph;
  }
  WaitGraph graph;

 private:
  std::size_t threads_;
};

TEST(WaitGraph, AChainsRootIsItsLastObjectAndAllWaitBehindIt) {
  Builder built(4);
  const auto a = built.object(ObjectKind::resource, {0});
  const auto b = built.object(ObjectKind::mutant, {1});
  built.wait(1, {a});
  built.wait(2, {b});
  built.wait(3, {b});
  const WaitGraph& graph = built.joined();
  EXPECT_EQ(graph.objects[a].behind, 3u);
  EXPECT_EQ(graph.objects[b].behind, 2u);
  EXPECT_EQ(graph.roots, std::vector<std::size_t>{a});
  EXPECT_TRUE(graph.cycles.empty());
  EXPECT_EQ(graph.holds[1], std::vector<std::size_t>{b});
}

TEST(WaitGraph, WhoIsReachedOnTwoWaysCountsOnce) {
  Builder built(4);
  const auto top = built.object(ObjectKind::resource, {0});
  const auto left = built.object(ObjectKind::mutant, {1}),
             right = built.object(ObjectKind::mutant, {2});
  built.wait(1, {top});
  built.wait(2, {top});
  built.wait(3, {left, right});
  EXPECT_EQ(built.joined().objects[top].behind, 3u);
}

TEST(WaitGraph, ACircleIsFoundWithThoseBehindIt) {
  Builder built(4);
  const auto a = built.object(ObjectKind::mutant, {0}), b = built.object(ObjectKind::mutant, {1});
  const auto c = built.object(ObjectKind::mutant, {2}, Certainty::likely);
  built.wait(0, {b});
  built.wait(1, {c});
  built.wait(2, {a});
  built.wait(3, {a});
  const WaitGraph& graph = built.joined();
  ASSERT_EQ(graph.cycles.size(), 1u);
  EXPECT_EQ(graph.cycles[0].steps.size(), 3u);
  EXPECT_EQ(graph.cycles[0].behind, 4u);
  EXPECT_EQ(graph.cycles[0].certainty, Certainty::likely);
  for (std::size_t i = 0; i < 3; ++i) {
    const auto& step = graph.cycles[0].steps[i];
    const auto& next = graph.cycles[0].steps[(i + 1) % 3];
    const auto& holders = graph.objects[step.object].holders;
    EXPECT_EQ(holders[0].stack, graph.waits[next.wait].stack);
  }
}

TEST(WaitGraph, OneThatWaitsForWhatItHoldsIsACircle) {
  Builder built(1);
  built.wait(0, {built.object(ObjectKind::resource, {0})});
  ASSERT_EQ(built.joined().cycles.size(), 1u);
  EXPECT_EQ(built.graph.cycles[0].steps.size(), 1u);
}

TEST(WaitGraph, ACircleOverOneOfSeveralObjectsIsPossible) {
  Builder built(2);
  const auto a = built.object(ObjectKind::mutant, {0}), b = built.object(ObjectKind::mutant, {1});
  const auto c = built.object(ObjectKind::event, {});
  built.wait(0, {b, c});
  built.wait(1, {a});
  ASSERT_EQ(built.joined().cycles.size(), 1u);
  EXPECT_EQ(built.graph.cycles[0].certainty, Certainty::possible);
}

TEST(WaitGraph, QueuesOfIdleThreadsAndLonelyEventsAreNoRoots) {
  Builder built(5);
  const auto queue = built.object(ObjectKind::queue, {}),
             event = built.object(ObjectKind::event, {});
  const auto shared = built.object(ObjectKind::event, {});
  built.wait(0, {queue}, WaitKind::idle);
  built.wait(1, {queue}, WaitKind::idle);
  built.wait(2, {event}, WaitKind::other);
  built.wait(3, {shared}, WaitKind::other);
  built.wait(4, {shared}, WaitKind::other);
  EXPECT_EQ(built.joined().roots, std::vector<std::size_t>{shared});
}

TEST(WaitGraph, AChainOfAHundredThousandIsFollowedWithoutRecursion) {
  constexpr std::size_t many = 100'000;
  Builder built(many + 1);
  for (std::size_t i = 0; i < many; ++i) built.object(ObjectKind::mutant, {i});
  for (std::size_t i = 1; i <= many; ++i) built.wait(i, {i - 1});
  const WaitGraph& graph = built.joined();
  EXPECT_EQ(graph.objects[0].behind, many);
  EXPECT_EQ(graph.roots, std::vector<std::size_t>{0});
}

}  // namespace
}  // namespace ntstack::analysis
