// Times one frame: the system's RtlLookupFunctionEntry and RtlVirtualUnwind against step() with its
// cache, on the same code, registers and stack, in turns. Prints nanoseconds per frame of both.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "loaded_modules.h"
#include "unwind/x64_cache.h"

using namespace ntstack;
namespace x64 = unwind::x64;

namespace {

constexpr std::size_t kStackSize = std::size_t{1} << 20;
constexpr std::size_t kPlaces = 256;  // as many different frames as a dump's stacks repeat
constexpr int kRounds = 41;
constexpr int kPassesPerRound = 100;

// Return addresses in functions of the DLLs, each with the registers of its frame.
std::vector<x64::Registers> places_in(const tests::LoadedModules& modules,
                                      std::uint64_t stack_pointer) {
  std::vector<x64::Registers> places;
  std::size_t functions = 0;
  for (const auto& loaded : modules.all()) functions += table_of(*loaded).size();
  const std::size_t stride = std::max<std::size_t>(1, functions / (kPlaces * 2));
  std::size_t number = 0;
  for (const auto& loaded : modules.all()) {
    for (std::size_t i = 0; i < table_of(*loaded).size(); ++i, ++number) {
      const auto function = table_of(*loaded).at(i);
      if (!function || number % stride != 0 || places.size() == kPlaces) continue;
      if (function->end - function->begin < 64) continue;
      x64::Registers registers;
      registers.gpr.fill(stack_pointer + 0x4000);
      registers.gpr[x64::rsp] = stack_pointer;
      registers.known = 0xffff;
      registers.rip = loaded->module.base + function->begin + (function->end - function->begin) / 2;
      places.push_back(registers);
    }
  }
  return places;
}

class Race {
 public:
  Race(const tests::LoadedModules& modules, const tests::OwnMemory& memory,
       std::vector<x64::Registers> places)
      : modules_(modules), memory_(memory), places_(std::move(places)) {
    // Only frames that both unwind to the same place run.
    std::erase_if(places_, [&](const x64::Registers& registers) {
      const auto step = x64::step(modules_, memory_, registers, false, &cache_);
      const CONTEXT theirs = system_step(registers);
      return !step || step->caller.rip != theirs.Rip || step->caller.gpr[x64::rsp] != theirs.Rsp;
    });
  }

  std::size_t places() const { return places_.size(); }
  const x64::RuleCache& cache() const { return cache_; }
  std::uint64_t sum() const { return sum_; }  // so that no step is left out

  // Only the registers are set anew for each frame, as ours copies them too: not the whole CONTEXT.
  double system_round() {
    alignas(16) CONTEXT context{};
    return timed([&] {
      for (const x64::Registers& registers : places_) {
        set(context, registers);
        unwind_by_system(context);
        sum_ += context.Rip;
      }
    });
  }
  double our_round(x64::RuleCache* cache) {
    return timed([&] {
      for (const x64::Registers& registers : places_) {
        const auto step = x64::step(modules_, memory_, registers, false, cache);
        sum_ += step->caller.rip;
      }
    });
  }
  double our_warm_round() { return our_round(&cache_); }
  double our_cold_round() { return our_round(nullptr); }

 private:
  static void set(CONTEXT& context, const x64::Registers& registers) {
    std::memcpy(&context.Rax, registers.gpr.data(), sizeof(registers.gpr));
    context.Rip = registers.rip;
  }
  static void unwind_by_system(CONTEXT& context) {
    DWORD64 image_base = 0;
    void* handler_data = nullptr;
    DWORD64 establisher = 0;
    RUNTIME_FUNCTION* function = ::RtlLookupFunctionEntry(context.Rip, &image_base, nullptr);
    ::RtlVirtualUnwind(UNW_FLAG_NHANDLER, image_base, context.Rip, function, &context,
                       &handler_data, &establisher, nullptr);
  }
  static CONTEXT system_step(const x64::Registers& registers) {
    alignas(16) CONTEXT context{};
    set(context, registers);
    unwind_by_system(context);
    return context;
  }
  template <class Pass>
  double timed(Pass pass) const {
    const auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < kPassesPerRound; ++i) pass();
    const std::chrono::duration<double, std::nano> taken = std::chrono::steady_clock::now() - begin;
    return taken.count() / kPassesPerRound / static_cast<double>(places_.size());
  }

  const tests::LoadedModules& modules_;
  const tests::OwnMemory& memory_;
  std::vector<x64::Registers> places_;
  x64::RuleCache cache_;
  std::uint64_t sum_ = 0;
};

double median(std::vector<double> values) {
  std::ranges::nth_element(values, values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2));
  return values[values.size() / 2];
}

}  // namespace

int main() {
  tests::LoadedModules modules;
  for (const char* name : {"ntdll.dll", "kernel32.dll", "kernelbase.dll", "ucrtbase.dll",
                           "user32.dll", "gdi32.dll", "ole32.dll", "rpcrt4.dll", "msvcp140.dll"}) {
    if (auto loaded = tests::load(name)) modules.add(std::move(loaded));
  }
  std::vector<std::uint64_t> words(kStackSize / 8, 0x1234);
  const tests::OwnMemory memory(tests::address_of(words.data()), kStackSize);
  Race race(modules, memory, places_in(modules, tests::address_of(words.data()) + kStackSize / 2));
  if (race.places() == 0) return 1;

  std::vector<double> theirs, warm, cold, ratios;
  for (int i = 0; i < kRounds; ++i) {
    theirs.push_back(race.system_round());
    warm.push_back(race.our_warm_round());
    cold.push_back(race.our_cold_round());
    ratios.push_back(theirs.back() / warm.back());
  }
  const double lookups = static_cast<double>(race.cache().hits() + race.cache().misses());
  std::printf(
      "%zu frames in %zu modules, medians of %d rounds in turns\n"
      "the system's lookup and unwind: %6.1f ns a frame\n"
      "step(), rules cached:           %6.1f ns a frame (%.2f%% hits)\n"
      "step(), without a cache:        %6.1f ns a frame\n"
      "ratio of the first two:         %6.2f  (sum %llx)\n",
      race.places(), modules.all().size(), kRounds, median(theirs), median(warm),
      100.0 * static_cast<double>(race.cache().hits()) / lookups, median(cold), median(ratios),
      race.sum());
  std::fflush(nullptr);
  ::TerminateProcess(::GetCurrentProcess(), 0);
}
