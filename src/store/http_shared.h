// What both HTTP clients say and understand alike.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "store/http.h"

namespace ntstack::store::http {

// Private servers may know debuggers alone, by this name.
constexpr const char* kUserAgent = "Microsoft-Symbol-Server/10.0 (ntstack)";

constexpr int kMostRedirects = 10;

// "bytes 100-199/200", the head of a 206.
struct ContentRange {
  std::uint64_t first = 0;
  std::optional<std::uint64_t> length;  // of the whole file
};
std::optional<ContentRange> read_content_range(std::string_view text);

// What is kept to ask for the rest of this very file: an ETag that is not weak, else Last-Modified.
std::string_view validator_of(std::string_view etag, std::string_view last_modified);

// Seconds of a Retry-After; dates and nonsense are nothing.
std::optional<std::uint32_t> read_retry_after(std::string_view text);

}  // namespace ntstack::store::http
