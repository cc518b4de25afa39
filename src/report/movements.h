// How threads moved between captures, as text and as JSON.
#pragma once

#include <string>
#include <vector>

#include "analysis/movements.h"
#include "report/facts.h"
#include "report/text.h"

namespace ntstack::report {

// One of the captures that are compared.
struct Look {
  std::string name;         // as the user named it, printable
  std::uint64_t time = 0;   // FILETIME; 0 unknown
  std::size_t threads = 0;  // with a stack
};

std::string movements_text(const std::vector<Look>& looks,
                           const std::vector<analysis::ThreadMovement>& threads,
                           const TextStyle& style);
std::string movements_json(const std::vector<Look>& looks,
                           const std::vector<analysis::ThreadMovement>& threads);

}  // namespace ntstack::report
