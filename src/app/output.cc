#include "app/output.h"

#include <fmt/format.h>

#include "app/exit_code.h"
#include "base/text.h"

namespace ntstack::app {

int write(const std::string& text, std::FILE* out, std::FILE* err) {
  if (std::fwrite(text.data(), 1, text.size(), out) == text.size() && std::fflush(out) == 0)
    return kOk;
  fmt::print(err, "ntstack: the output could not be written whole\n");
  return kFailed;
}

int write_lines(const std::function<bool(const report::TakeLine&)>& tell, std::FILE* out,
                std::FILE* err) {
  int code = kOk;
  tell([&](const std::string& line) { return (code = write(line, out, err)) == kOk; });
  return code;
}

int write_list(const std::string& document, std::string_view list, std::string_view item,
               bool as_lines, std::FILE* out, std::FILE* err) {
  if (!as_lines) return write(document, out, err);
  return write_lines(
      [&](const report::TakeLine& take) { return report::json_lines(document, list, item, take); },
      out, err);
}

int failed(const base::Error& error, std::FILE* err) {
  fmt::print(err, "ntstack: {}\n", base::printable(error.text()));
  return kFailed;
}

int wrong(const base::Error& error, std::FILE* err) {
  fmt::print(err, "ntstack: {}\n", error.text());
  return kUsage;
}

}  // namespace ntstack::app
