// libFuzzer's functions for one target, whose own have its name in theirs. An input that allocates
// more than docs/fuzzing.md allows it is a finding like a crash.
#include <cstdio>
#include <cstdlib>

#include "work_counter.h"
#include "work_limits.h"

#define FUZZ_JOIN_NAMES(name, what) name##what
#define FUZZ_JOIN(name, what) FUZZ_JOIN_NAMES(name, what)
#define FUZZ_TEXT_OF(name) #name
#define FUZZ_TEXT(name) FUZZ_TEXT_OF(name)
#define FUZZ_FUNCTION(what) FUZZ_JOIN(FUZZ_TARGET, what)

extern "C" {

int FUZZ_FUNCTION(_fuzz_input)(const std::uint8_t* data, std::size_t size);

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ntstack::fuzz;
  static bool is_first = true;  // what a target keeps for all inputs is no input's cost
  const Work before = work_so_far();
  const int result = FUZZ_FUNCTION(_fuzz_input)(data, size);
  const std::uint64_t bytes = work_so_far().bytes - before.bytes;
  const WorkLimit limit = limit_of(FUZZ_TEXT(FUZZ_TARGET));
  if (!is_first && bytes > limit.bytes(size)) {
    std::fprintf(stderr, "%llu bytes allocated for an input of %zu\n",
                 static_cast<unsigned long long>(bytes), size);
    std::abort();
  }
  is_first = false;
  return result;
}

#ifdef FUZZ_HAS_MUTATOR
std::size_t FUZZ_FUNCTION(_fuzz_mutator)(std::uint8_t* data, std::size_t size, std::size_t most,
                                         unsigned seed);
std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t most,
                                    unsigned seed) {
  return FUZZ_FUNCTION(_fuzz_mutator)(data, size, most, seed);
}
#endif

#ifdef FUZZ_HAS_CROSS_OVER
std::size_t FUZZ_FUNCTION(_fuzz_cross_over)(const std::uint8_t* a, std::size_t a_size,
                                            const std::uint8_t* b, std::size_t b_size,
                                            std::uint8_t* out, std::size_t most, unsigned seed);
std::size_t LLVMFuzzerCustomCrossOver(const std::uint8_t* a, std::size_t a_size,
                                      const std::uint8_t* b, std::size_t b_size, std::uint8_t* out,
                                      std::size_t most, unsigned seed) {
  return FUZZ_FUNCTION(_fuzz_cross_over)(a, a_size, b, b_size, out, most, seed);
}
#endif

}  // extern "C"
