// No memory, where libraries in C ask for it and don't look at what they get: it ends as with
// operator new.
#pragma once

#include <cstddef>

namespace ntstack::base {

// What std::set_new_handler set, which ends the program; without one, std::bad_alloc.
[[noreturn]] void no_memory();

// As the C library's, but never null.
void* malloc_or_end(std::size_t size);
void* calloc_or_end(std::size_t count, std::size_t size);
void* realloc_or_end(void* old, std::size_t size);

}  // namespace ntstack::base
