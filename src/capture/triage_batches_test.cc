// The planner against a kernel that is a few lines of arithmetic here, by the same published rules
// as tests/capture's stand-in, with threads of sizes that no real process has.
#include "capture/triage_batches.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <random>

namespace ntstack::capture {
namespace {

using target::Capture;

struct Size {
  std::size_t stack = 0, indirect = 0;
  Status status = 0;        // 0x102: does not answer
  std::size_t answers = 0;  // from this call on
};
constexpr std::size_t kObject = 0x898 + 16;
std::size_t whole(const Size& size) { return kObject + size.stack + size.indirect; }

struct Kernel {
  std::size_t room = 0x100000, thread_room = 0;
  bool gives_list = true;
  std::size_t calls = 0;

  TriageContents dump(const std::vector<Size>& sizes, std::span<const std::size_t> asked) {
    ++calls;
    TriageContents contents;
    contents.has_list = gives_list;
    contents.left = thread_room;
    bool full = false;
    for (std::size_t i = 0; i < asked.size(); ++i) {
      const Size& size = sizes[asked[i]];
      ThreadInDump in_dump;
      const bool answers = size.status == 0 || (size.answers != 0 && calls >= size.answers);
      in_dump.status = !answers ? size.status : 0;
      if (full || (answers && contents.left < kObject)) {
        in_dump.status = full ? 0xc0000001 : 0xc000009a;
        full = true;
      } else if (answers) {
        put(contents, in_dump, size);
        if (contents.first == SIZE_MAX) contents.first = i;
      }
      conclude(in_dump);
      contents.threads.push_back(in_dump);
    }
    if (contents.first != SIZE_MAX) contents.thread_room = thread_room;
    return contents;
  }

 private:
  static void put(TriageContents& contents, ThreadInDump& in_dump, const Size& size) {
    const std::size_t before = contents.left;
    contents.left -= kObject;
    in_dump.object = 0xfffffa8000000000;
    in_dump.needs = kObject + size.stack;
    if (size.stack <= contents.left) {
      contents.left -= size.stack;
      in_dump.stack = StackBytes::whole;
    }
    if (size.indirect <= contents.left) contents.left -= size.indirect;
    in_dump.bytes = before - contents.left;
  }
  void conclude(ThreadInDump& in_dump) const {
    in_dump.capture = target::capture_of(*in_dump.status);
    if (in_dump.object != 0 && in_dump.stack == StackBytes::none)
      in_dump.capture = Capture::no_stack;
    if (gives_list) return;
    in_dump.status.reset();
    if (in_dump.object == 0) in_dump.capture = Capture::not_attempted;
  }
};

std::size_t first_fit_decreasing(const std::vector<Size>& sizes, std::size_t room) {
  std::vector<std::size_t> bytes, bins;
  for (const Size& size : sizes)
    if (whole(size) <= room && size.status == 0) bytes.push_back(whole(size));
  std::ranges::sort(bytes, std::greater<>());
  for (const std::size_t each : bytes) {
    const auto bin =
        std::ranges::find_if(bins, [&](std::size_t used) { return used + each <= room; });
    if (bin == bins.end())
      bins.push_back(each);
    else
      *bin += each;
  }
  return bins.size();
}

BatchLimits limits_of(const Kernel&, std::size_t first = 0) {
  BatchLimits limits;
  limits.processors = 4;
  limits.build = 19041;
  limits.first_batch = first;
  return limits;
}

// Until nothing is left; the number of calls.
std::size_t run(TriageBatches& batches, Kernel& kernel, const std::vector<Size>& sizes) {
  while (true) {
    if (batches.size_of_next() == 0) {
      if (batches.unanswered() == 0) break;
      batches.retry_unanswered(SIZE_MAX);
    }
    const auto asked = batches.take(batches.size_of_next());
    batches.learn(asked, kernel.dump(sizes, asked));
    if (kernel.calls > 10 * sizes.size() + 10) {
      ADD_FAILURE() << "no end";
      break;
    }
  }
  return kernel.calls;
}

std::size_t count(const TriageBatches& batches, Outcome outcome) {
  return static_cast<std::size_t>(std::ranges::count(batches.outcomes(), outcome));
}

using Random = std::mt19937_64;
struct Kind {
  const char* name;
  std::function<Size(Random&, std::size_t room)> make;
};
std::size_t between(Random& random, std::size_t low, std::size_t high) {
  return low + random() % (std::max(high, low + 1) - low);
}
const Kind kinds[] = {
    {"usual",
     [](Random& r, std::size_t) { return Size{between(r, 2000, 9000), between(r, 0, 8000)}; }},
    {"equal", [](Random&, std::size_t) { return Size{6000, 4000}; }},
    {"wide", [](Random& r, std::size_t room) { return Size{between(r, 100, room - kObject), 0}; }},
    {"wide with I/O",
     [](Random& r, std::size_t room) {
       const std::size_t all = between(r, 200, room - kObject), stack = between(r, 100, all);
       return Size{stack, all - stack};
     }},
    {"few large ones",
     [](Random& r, std::size_t room) {
       return r() % 20 == 0 ? Size{room / 2, 0} : Size{between(r, 4000, 12000), 0};
     }},
    {"one half and more, or a third",
     [](Random& r, std::size_t room) {
       return r() % 2 ? Size{room / 2 + 500, 0} : Size{room / 3, 0};
     }},
    {"exponential", [](Random& r, std::size_t room) {
       const double u = static_cast<double>(r() % 1000000 + 1) / 1000001.0;
       return Size{std::min(room - kObject, static_cast<std::size_t>(-12000 * std::log(u))) + 8, 0};
     }}};

TEST(TriageBatches, OfAnySizesEveryThreadIsCapturedInFewerCallsThanAFifthAboveFirstFitDecreasing) {
  for (const Kind& kind : kinds) {
    double worst = 0;
    for (const std::size_t room : {776'000u, 250'000u, 76'000u, 32'000u}) {
      for (std::uint64_t seed = 0; seed < 40; ++seed) {
        Random random(seed * 7919 + room);
        std::vector<Size> sizes(between(random, 1, 500));
        for (Size& size : sizes) {
          size = kind.make(random, room);
          if (whole(size) > room)
            size.indirect = 0, size.stack = std::min(size.stack, room - kObject);
        }
        Kernel kernel;
        kernel.thread_room = room;
        TriageBatches batches(sizes.size(), limits_of(kernel, seed % 2 ? 10 : 0));
        const std::size_t calls = run(batches, kernel, sizes);
        const std::size_t best = first_fit_decreasing(sizes, room);
        EXPECT_LE(static_cast<double>(calls), 1.2 * static_cast<double>(best) + 2)
            << kind.name << ", room " << room << ", seed " << seed << ", threads " << sizes.size();
        worst = std::max(worst, static_cast<double>(calls) / static_cast<double>(best));
        EXPECT_EQ(count(batches, Outcome::captured), sizes.size()) << kind.name;
      }
    }
    fmt::print("{}: at most {:.2f} times first-fit-decreasing\n", kind.name, worst);
  }
}

std::vector<Size> usual(std::size_t count, std::uint64_t seed = 1) {
  Random random(seed);
  std::vector<Size> sizes(count);
  for (Size& size : sizes) size = kinds[0].make(random, 0);
  return sizes;
}

TEST(TriageBatches, OneThatDoesNotAnswerIsAskedOnceMoreAndAfterAllOthers) {
  std::vector<Size> sizes = usual(200);
  sizes[3] = {0, 0, 0x102, 0};
  sizes[100] = {5000, 0, 0x102, 3};  // from the third call on
  Kernel kernel;
  kernel.thread_room = 700'000;
  TriageBatches batches(sizes.size(), limits_of(kernel));
  run(batches, kernel, sizes);
  EXPECT_EQ(batches.outcomes()[3], Outcome::wedged);
  EXPECT_EQ(batches.outcomes()[100], Outcome::captured);
  EXPECT_EQ(count(batches, Outcome::captured), 199u);
}

TEST(TriageBatches, WhereManyDoNotAnswerACallIsAskedForFewer) {
  std::vector<Size> sizes = usual(300);
  for (std::size_t i = 0; i < sizes.size(); i += 2) sizes[i].status = 0x102;
  Kernel kernel;
  kernel.thread_room = 700'000;
  TriageBatches batches(sizes.size(), limits_of(kernel));
  std::size_t most = 0;
  while (batches.size_of_next() != 0 || batches.unanswered() != 0) {
    if (batches.size_of_next() == 0) batches.retry_unanswered(SIZE_MAX);
    const auto asked = batches.take(batches.size_of_next());
    std::size_t wedged = 0;
    for (const std::size_t thread : asked) wedged += sizes[thread].status != 0;
    if (kernel.calls != 0) most = std::max(most, wedged);
    batches.learn(asked, kernel.dump(sizes, asked));
  }
  EXPECT_LE(most, 14u);  // half a minute or so over a minute
  EXPECT_EQ(count(batches, Outcome::captured), 150u);
  EXPECT_EQ(count(batches, Outcome::wedged), 150u);
}

TEST(TriageBatches, WithoutTheKernelsListThreadsAreToldByWhatIsThere) {
  std::vector<Size> sizes = usual(120);
  sizes[5].status = 0x102;
  Kernel kernel;
  kernel.gives_list = false;
  kernel.thread_room = 100'000;
  TriageBatches batches(sizes.size(), limits_of(kernel));
  run(batches, kernel, sizes);
  EXPECT_EQ(count(batches, Outcome::captured), 119u);
  EXPECT_EQ(batches.outcomes()[5], Outcome::wedged);
}

TEST(TriageBatches, ThreadsLargerThanTheRoomAreSaidToBeAndTheOthersCaptured) {
  std::vector<Size> sizes = usual(200);
  for (std::size_t i = 0; i < sizes.size(); i += 10) sizes[i] = {50'000, 0};
  Kernel kernel;
  kernel.thread_room = 40'000;
  TriageBatches batches(sizes.size(), limits_of(kernel));
  const std::size_t calls = run(batches, kernel, sizes);
  EXPECT_EQ(count(batches, Outcome::captured), 180u);
  EXPECT_EQ(count(batches, Outcome::does_not_fit), 20u);
  EXPECT_LE(static_cast<double>(calls),
            1.2 * static_cast<double>(first_fit_decreasing(sizes, kernel.thread_room)) + 2);
}

TEST(TriageBatches, WhereNothingFitsItEndsSoon) {
  for (const std::size_t room : {0u, 1000u, 3000u}) {
    const std::vector<Size> sizes = usual(300);
    Kernel kernel;
    kernel.thread_room = room;
    TriageBatches batches(sizes.size(), limits_of(kernel));
    EXPECT_LE(run(batches, kernel, sizes), 3u);
    EXPECT_EQ(count(batches, Outcome::captured), 0u);
    EXPECT_EQ(batches.gave_up(), room == 3000);
  }
}

TEST(TriageBatches, AProcessorsBlockIsOfTheBuildsSize) {
  EXPECT_EQ(processor_bytes(19045, true), 0xaf00u);
  EXPECT_EQ(processor_bytes(26200, true), 0xcf00u);
  EXPECT_EQ(processor_bytes(17763, false), 0x5f00u);
  EXPECT_EQ(processor_bytes(0, true), 0xcf00u);
  EXPECT_EQ(processor_bytes(2600, true), 0x3a20u);
}

TEST(TriageBatches, FiftyThousandThreadsArePlannedInOneGo) {
  const std::vector<Size> sizes = usual(50'000);
  Kernel kernel;
  kernel.thread_room = 250'000;
  TriageBatches batches(sizes.size(), limits_of(kernel));
  const std::size_t calls = run(batches, kernel, sizes);
  EXPECT_EQ(count(batches, Outcome::captured), 50'000u);
  EXPECT_LE(static_cast<double>(calls),
            1.2 * static_cast<double>(first_fit_decreasing(sizes, kernel.thread_room)) + 2);
}

}  // namespace
}  // namespace ntstack::capture
