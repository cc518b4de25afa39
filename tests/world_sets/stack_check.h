// What `ntstack stacks --json` prints of a thread, against what the emulated processor did.
#pragma once

#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "world/truth.h"

namespace ntstack::world {

// The stacks of the report whose thread has this address, or this ID.
std::vector<const nlohmann::json*> stacks_at(const nlohmann::json& report, std::uint64_t ethread);
std::vector<const nlohmann::json*> stacks_with_id(const nlohmann::json& report, std::uint64_t id);

// Empty where every frame is there, in its place and exact; else the first that is not. Frames of
// the report behind the last of `frames` are one of user mode at most.
std::string frame_difference(const nlohmann::json& stack, std::span<const TruthFrame> frames);

}  // namespace ntstack::world
