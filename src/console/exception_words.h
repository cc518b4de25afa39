// Exception codes in kd's words.
#pragma once

#include <cstdint>
#include <string_view>

namespace ntstack::console {

// "Access violation"; empty: not known.
std::string_view exception_words(std::uint32_t code);

}  // namespace ntstack::console
