// The facts as text for people: WinDbg's columns, with the trust of every frame beside it.
#pragma once

#include <string>

#include "report/facts.h"

namespace ntstack::report {

struct TextStyle {
  bool colour = false;  // escape sequences, for terminals alone
  bool group = true;    // identical stacks once, with their count
};

std::string info_text(const DumpFacts& facts, const TextStyle& style);
std::string modules_text(const DumpFacts& facts);
std::string stacks_text(const StackFacts& facts, const TextStyle& style);

}  // namespace ntstack::report
