// What servers do not have, remembered in a store for a day, so that not every run asks again.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <string_view>

namespace ntstack::store {

constexpr std::chrono::hours kAbsentFor{24};

// `what` is any text that is one for a server and a file. Errors are as good as nothing remembered.
bool is_known_absent(const std::filesystem::path& store, std::string_view what);
void remember_absent(const std::filesystem::path& store, std::string_view what);
void forget_absent(const std::filesystem::path& store, std::string_view what);

}  // namespace ntstack::store
