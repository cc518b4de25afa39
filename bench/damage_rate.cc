// damage_rate [RUNS]: stacks of seed 3's machines with damage of every kind, at random, on three
// architectures, RUNS in all (10,000): how much of what is left of each is found, and what is
// invented. What is counted as what, tests/stackhog/damage.h says. Inventions that look like facts
// are listed on standard error.
#include <fmt/format.h>

#include <cstdlib>
#include <exception>

#include "stackhog/damage.h"

namespace {

using namespace ntstack::world;

double share(std::size_t part, std::size_t whole) {
  return whole == 0 ? 0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole);
}

void print(std::string_view architecture, std::string_view kind, const Recovery& r) {
  fmt::print("{:<6} {:<22} {:>6} {:>9} {:>8.1f}% {:>7.1f}% {:>6.1f}% {:>9} {:>9} {:>8}\n",
             architecture, kind, r.runs, r.reachable, share(r.recovered, r.reachable),
             share(r.recovered_as_fact, r.reachable), share(r.whole, r.runs), r.invented_as_guess,
             r.invented_behind_guess, r.invented_as_fact);
}

void run(std::size_t runs) {
  struct Machine {
    const char* architecture;
    StackHog (*build)(const std::filesystem::path&);
  };
  constexpr Machine machines[] = {
      {"x86", build_stackhog_x86}, {"x64", build_stackhog_x64}, {"arm64", build_stackhog_arm64}};
  fmt::print("{:<6} {:<22} {:>6} {:>9} {:>9} {:>8} {:>7} {:>9} {:>9} {:>8}\n", "", "damage", "runs",
             "reachable", "recovered", "as fact", "whole", "guesses", "behind", "as fact");
  fmt::print("{:<6} {:<22} {:>6} {:>9} {:>9} {:>8} {:>7} {:>28}\n", "", "", "", "frames", "", "",
             "", "invented");
  Recovery all;
  for (const Machine& machine : machines) {
    const StackHog hog = machine.build(stackhog_modules() / machine.architecture);
    DamageRig rig(hog, machine.architecture, StackHogDump::kernel, Images::none);
    for (const Damage damage : all_damage) {
      // Without damage there is but one way.
      const std::size_t kinds = std::size(all_damage) - 1;
      const std::size_t count = damage == Damage::none ? 1 : runs / std::size(machines) / kinds;
      Recovery of_kind;
      for (std::size_t seed = 0; seed < count; seed++) {
        of_kind += rig.run(damage, seed);
        for (const std::string& line : rig.inventions())
          fmt::print(stderr, "{} {} {}: {}\n", machine.architecture, name_of(damage), seed, line);
      }
      print(machine.architecture, name_of(damage), of_kind);
      all += of_kind;
    }
  }
  print("all", "", all);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    run(argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 10000);
  } catch (const std::exception& error) {
    fmt::print(stderr, "damage_rate: {}\n", error.what());
    return 1;
  }
  return 0;
}
