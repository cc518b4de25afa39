// What a status means of a call: the rows that status_text looks through.
#pragma once

#include <span>
#include <string_view>

#include "capture/status_text.h"

namespace ntstack::capture {

struct Meaning {
  Call call;
  Status status;
  std::string_view text;
};

// Of ntstack's own driver: its device, its requests and its service.
std::span<const Meaning> driver_meanings();

}  // namespace ntstack::capture
