// The facts as text for people: WinDbg's columns, with the trust of every frame beside it.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "report/facts.h"

namespace ntstack::report {

struct TextStyle {
  bool colour = false;  // escape sequences, for terminals alone
  bool group = true;    // identical stacks once, with their count
};

std::string info_text(const DumpFacts& facts, const TextStyle& style);
std::string modules_text(const DumpFacts& facts);
// What the dump is, and its bugcheck: the first lines of every answer.
std::string heading_text(const DumpFacts& facts);
// "THREAD ffff...  Cid 3adc.5920  w3wp.exe  WAIT: (Executive)"
std::string thread_line(const stacks::Stack& stack, bool is_64_bit);
// The first `most` frames, with the columns' heads; how many more there are is said.
std::string frames_text(const std::vector<stacks::Frame>& frames, const DumpFacts& facts,
                        const TextStyle& style, std::size_t most);
std::string stacks_text(const StackFacts& facts, const TextStyle& style);

}  // namespace ntstack::report
