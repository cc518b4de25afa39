#include "world_sets/stack_check.h"

#include <fmt/format.h>

namespace ntstack::world {
namespace {

using nlohmann::json;

std::string hex(std::uint64_t value) { return fmt::format("{:#x}", value); }

std::string one_difference(const json& found, const TruthFrame& right) {
  const auto differs = [&](const char* field, std::uint64_t value) {
    return found[field] == hex(value)
               ? std::string()
               : fmt::format("{} {} instead of {}", field, found[field].dump(), hex(value));
  };
  for (const std::string& text :
       {differs("ip", right.ip), differs("child_sp", right.child_sp),
        differs("return_address", right.return_address),
        right.machine_frame ? differs("trap_frame", right.trap_frame) : std::string()})
    if (!text.empty()) return text;
  return found["trust"] == "scan" ? "it is a guess" : "";
}

}  // namespace

std::vector<const json*> stacks_at(const json& report, std::uint64_t ethread) {
  std::vector<const json*> found;
  for (const json& stack : report["stacks"])
    if (!stack["thread"].is_null() && stack["thread"]["address"] == hex(ethread))
      found.push_back(&stack);
  return found;
}

std::vector<const json*> stacks_with_id(const json& report, std::uint64_t id) {
  std::vector<const json*> found;
  for (const json& stack : report["stacks"])
    if (!stack["thread"].is_null() && stack["thread"]["id"] == id) found.push_back(&stack);
  return found;
}

std::string frame_difference(const json& stack, std::span<const TruthFrame> frames) {
  std::vector<const json*> found;
  for (const json& frame : stack["frames"])
    if (!frame["inline"].get<bool>()) found.push_back(&frame);
  if (found.size() != frames.size() && found.size() != frames.size() + 1)
    return fmt::format("{} frames instead of {}; end {}", found.size(), frames.size(),
                       stack["end"].dump());
  for (std::size_t i = 0; i < frames.size(); i++) {
    const std::string difference = one_difference(*found[i], frames[i]);
    if (!difference.empty()) return fmt::format("frame {}: {}", i, difference);
  }
  return "";
}

}  // namespace ntstack::world
