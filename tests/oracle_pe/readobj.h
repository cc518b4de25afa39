// What llvm-readobj prints, as a tree: blocks in braces or brackets, and lines "key: value" in
// them.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "tool.h"

namespace ntstack::tests {

struct ReadobjNode {
  std::string name;   // of the block, or the line's part before ": "
  std::string value;  // of the line; of a block what stands behind its bracket
  std::vector<ReadobjNode> children;

  const ReadobjNode* find(std::string_view wanted) const {
    for (const ReadobjNode& child : children) {
      if (child.name == wanted) return &child;
    }
    return nullptr;
  }
  // The value of the line `wanted`, or nothing.
  std::string_view text(std::string_view wanted) const {
    const ReadobjNode* found = find(wanted);
    return found ? std::string_view(found->value) : std::string_view();
  }
  // Its number: "0x1A" or "26", in parentheses behind a name ("foo (0x1A)") or alone.
  std::uint64_t number(std::string_view wanted) const {
    const std::string_view all = text(wanted);
    const std::size_t open = all.rfind('(');
    const std::string digits(open == std::string_view::npos ? all : all.substr(open + 1));
    return std::strtoull(digits.c_str(), nullptr, 0);
  }
};

namespace readobj_detail {

inline std::string_view trim(std::string_view line) {
  const std::size_t begin = line.find_first_not_of(' ');
  if (begin == std::string_view::npos) return {};
  return line.substr(begin, line.find_last_not_of(" \r") - begin + 1);
}

// "Flags [ (0x3)" or "UnwindInfo {": where the bracket stands.
inline std::size_t opening(std::string_view line) {
  if (line.ends_with(" {") || line.ends_with(" [")) return line.size() - 1;
  const std::size_t found = line.rfind(" [ (");
  return found == std::string_view::npos ? found : found + 1;
}

inline void parse_block(std::string_view& rest, ReadobjNode& block) {
  while (!rest.empty()) {
    const std::size_t end = rest.find('\n');
    const std::string_view line = trim(rest.substr(0, end));
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
    if (line.empty()) continue;
    if (line == "}" || line == "]") return;
    ReadobjNode& node = block.children.emplace_back();
    if (const std::size_t bracket = opening(line); bracket != std::string_view::npos) {
      node.name = line.substr(0, bracket - 1);
      node.value = trim(line.substr(bracket + 1));
      parse_block(rest, node);
    } else if (const std::size_t colon = line.find(": "); colon != std::string_view::npos) {
      node.name = line.substr(0, colon);
      node.value = trim(line.substr(colon + 2));
    } else {
      node.name = line;
    }
  }
}

}  // namespace readobj_detail

// The whole of one run: "llvm-readobj OPTIONS FILE". Empty where the tool fails.
inline ReadobjNode readobj(const std::filesystem::path& tool, const std::string& options,
                           const std::filesystem::path& file) {
  ReadobjNode root;
  const ToolResult result = run(quoted(tool) + " " + options + " " + quoted(file));
  if (result.exit_code != 0) return root;
  std::string_view rest = result.out;
  readobj_detail::parse_block(rest, root);
  return root;
}

}  // namespace ntstack::tests
