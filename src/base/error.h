// Errors are values: a sentence for the user, and what was being done when it happened.
#pragma once

#include <fmt/format.h>

#include <expected>
#include <string>
#include <utility>
#include <vector>

namespace ntstack::base {

struct Error {
  std::string message;               // one sentence, without a full stop at its end
  std::vector<std::string> context;  // what was being done, innermost first

  // "opening a.dmp: reading the header: the file ends at 0x10"
  std::string text() const;
};

template <class T>
using Result = std::expected<T, Error>;

// return fail("no section holds RVA {:#x}", rva);
template <class... Args>
std::unexpected<Error> fail(fmt::format_string<Args...> format, Args&&... args) {
  return std::unexpected(Error{fmt::format(format, std::forward<Args>(args)...), {}});
}

// Passes an error on, with what was being done: return with_context(std::move(r.error()), "reading
// {}", name);
template <class... Args>
std::unexpected<Error> with_context(Error error, fmt::format_string<Args...> format,
                                    Args&&... args) {
  error.context.push_back(fmt::format(format, std::forward<Args>(args)...));
  return std::unexpected(std::move(error));
}

}  // namespace ntstack::base
