#include "replay_targets.h"

#define FUZZ_TARGET(name)                                                                      \
  extern "C" int name##_fuzz_input(const std::uint8_t*, std::size_t);                          \
  extern "C" __attribute__((weak)) std::size_t name##_fuzz_mutator(std::uint8_t*, std::size_t, \
                                                                   std::size_t, unsigned);     \
  extern "C" __attribute__((weak)) bool name##_fuzz_door(const std::uint8_t*, std::size_t);
#include "fuzz_targets.inc"
#undef FUZZ_TARGET

namespace ntstack::fuzz {
namespace {

#define FUZZ_TARGET(name) {#name, name##_fuzz_input, name##_fuzz_mutator, name##_fuzz_door},
constexpr Target kTargets[] = {
#include "fuzz_targets.inc"
};
#undef FUZZ_TARGET

}  // namespace

std::span<const Target> targets() { return kTargets; }

}  // namespace ntstack::fuzz
