#include "work_counter.h"

#include <atomic>
#include <cerrno>
#include <cstddef>

#if defined(__clang__)
#if __has_feature(address_sanitizer)
#define FUZZ_UNDER_ASAN
#endif
// What counts is not counted itself.
#define FUZZ_PLAIN __attribute__((no_sanitize("coverage", "address", "undefined")))
#else
#define FUZZ_PLAIN
#endif

namespace {

std::atomic<std::uint64_t> allocated{0};

FUZZ_PLAIN void count(std::size_t size) { allocated.fetch_add(size, std::memory_order_relaxed); }

}  // namespace

#ifdef FUZZ_UNDER_ASAN

extern "C" int __sanitizer_install_malloc_and_free_hooks(void (*)(const volatile void*,
                                                                  std::size_t),
                                                         void (*)(const volatile void*));

namespace {
FUZZ_PLAIN void on_malloc(const volatile void*, std::size_t size) { count(size); }
FUZZ_PLAIN void on_free(const volatile void*) {}
[[maybe_unused]] const int installed =
    __sanitizer_install_malloc_and_free_hooks(on_malloc, on_free);
}  // namespace

#else

// glibc's own functions under its other names; operator new calls malloc.
extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);

void* malloc(std::size_t size) {
  count(size);
  return __libc_malloc(size);
}
void* calloc(std::size_t many, std::size_t size) {
  count(many * size);
  return __libc_calloc(many, size);
}
void* realloc(void* old, std::size_t size) {
  count(size);
  return __libc_realloc(old, size);
}
void* memalign(std::size_t alignment, std::size_t size) {
  count(size);
  return __libc_memalign(alignment, size);
}
void* aligned_alloc(std::size_t alignment, std::size_t size) { return memalign(alignment, size); }
int posix_memalign(void** out, std::size_t alignment, std::size_t size) {
  *out = memalign(alignment, size);
  return *out ? 0 : ENOMEM;
}
}

#endif

#if defined(FUZZ_REPLAY) && defined(NTSTACK_COVERAGE)

// The profile's counters, one a stretch of code.
extern "C" {
std::uint64_t* __llvm_profile_begin_counters();
std::uint64_t* __llvm_profile_end_counters();
}
namespace {
std::uint64_t steps() {
  std::uint64_t sum = 0;
  for (const std::uint64_t* at = __llvm_profile_begin_counters();
       at != __llvm_profile_end_counters(); ++at)
    sum += *at;
  return sum;
}
}  // namespace

#elif defined(FUZZ_REPLAY) && defined(FUZZ_UNDER_ASAN)

// What -fsanitize=fuzzer-no-link calls at every comparison; in a fuzz target these are libFuzzer's.
namespace {
std::uint64_t comparisons = 0;  // not exact where threads count together
std::uint64_t steps() { return comparisons; }
}  // namespace
extern "C" {
#define FUZZ_COUNTS(name, type) \
  FUZZ_PLAIN void name(type, type) { ++comparisons; }
FUZZ_COUNTS(__sanitizer_cov_trace_cmp1, std::uint8_t)
FUZZ_COUNTS(__sanitizer_cov_trace_cmp2, std::uint16_t)
FUZZ_COUNTS(__sanitizer_cov_trace_cmp4, std::uint32_t)
FUZZ_COUNTS(__sanitizer_cov_trace_cmp8, std::uint64_t)
FUZZ_COUNTS(__sanitizer_cov_trace_const_cmp1, std::uint8_t)
FUZZ_COUNTS(__sanitizer_cov_trace_const_cmp2, std::uint16_t)
FUZZ_COUNTS(__sanitizer_cov_trace_const_cmp4, std::uint32_t)
FUZZ_COUNTS(__sanitizer_cov_trace_const_cmp8, std::uint64_t)
FUZZ_PLAIN void __sanitizer_cov_trace_switch(std::uint64_t, std::uint64_t*) { ++comparisons; }
}

#else

namespace {
std::uint64_t steps() { return 0; }
}  // namespace

#endif

ntstack::fuzz::Work ntstack::fuzz::work_so_far() {
  return {allocated.load(std::memory_order_relaxed), steps()};
}
