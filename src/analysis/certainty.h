// How sure a statement about a wait is: by what it was found.
#pragma once

#include <cstdint>
#include <string_view>

namespace ntstack::analysis {

enum class Certainty : std::uint8_t {
  possible,  // something points to it: several might be
  likely,    // by stacks and code, and nothing speaks against it
  fact       // the kernel's own objects in the dump say so, or code and exact frames leave no doubt
};
constexpr std::string_view name_of(Certainty certainty) {
  switch (certainty) {
    case Certainty::fact:
      return "fact";
    case Certainty::likely:
      return "likely";
    case Certainty::possible:
      break;
  }
  return "possible";
}
constexpr Certainty at_most(Certainty certainty, Certainty limit) {
  return certainty < limit ? certainty : limit;
}

}  // namespace ntstack::analysis
