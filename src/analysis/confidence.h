// How sure a conclusion is.
#pragma once

#include <cstdint>
#include <string_view>

namespace ntstack::analysis {

enum class Confidence : std::uint8_t { low, medium, high };
std::string_view name_of(Confidence confidence);  // "medium"

constexpr Confidence at_most(Confidence confidence, Confidence limit) {
  return confidence < limit ? confidence : limit;
}
constexpr Confidence one_less(Confidence confidence) {
  return confidence == Confidence::high ? Confidence::medium : Confidence::low;
}

}  // namespace ntstack::analysis
