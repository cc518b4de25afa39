// Every fuzz target of this build, by name.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace ntstack::fuzz {

struct Target {
  std::string_view name;
  int (*input)(const std::uint8_t* data, std::size_t size) = nullptr;
  // May be null: a target without a mutator of its own.
  std::size_t (*mutator)(std::uint8_t* data, std::size_t size, std::size_t most,
                         unsigned seed) = nullptr;
  // Whether the parser takes the bytes at all: what a mutator is to keep true. May be null.
  bool (*door)(const std::uint8_t* data, std::size_t size) = nullptr;
};

std::span<const Target> targets();

}  // namespace ntstack::fuzz
