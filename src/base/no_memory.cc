#include "base/no_memory.h"

#include <cstdlib>
#include <new>

namespace ntstack::base {
namespace {

void* there(void* got, std::size_t size) {
  if (!got && size != 0) no_memory();
  return got;
}

}  // namespace

void no_memory() {
  if (const std::new_handler handler = std::get_new_handler()) handler();
  throw std::bad_alloc();
}

void* malloc_or_end(std::size_t size) { return there(std::malloc(size), size); }
void* calloc_or_end(std::size_t count, std::size_t size) {
  return there(std::calloc(count, size), count == 0 ? 0 : size);
}
void* realloc_or_end(void* old, std::size_t size) { return there(std::realloc(old, size), size); }

}  // namespace ntstack::base
