#include "app/output.h"

#include <atomic>
#include <cerrno>
#include <system_error>

#include "app/exit_code.h"
#include "base/mapped_file.h"
#include "base/text.h"

namespace ntstack::app {

namespace {

// The first reason: what comes behind fails for it too.
std::atomic<int> why_not_written = 0;

bool note(bool is_written) {
  int none = 0;
  if (!is_written) why_not_written.compare_exchange_strong(none, errno);
  return is_written;
}

}  // namespace

bool put(std::string_view text, std::FILE* out) {
  errno = 0;
  const bool is_written = std::fwrite(text.data(), 1, text.size(), out) == text.size();
  return out == stderr ? is_written : note(is_written);  // nobody can be told
}

bool flush(std::FILE* out) {
  errno = 0;
  return note(std::fflush(out) == 0);
}

int write(const std::string& text, std::FILE* out, std::FILE* err) {
  if (has_lost_file(err)) return kFailed;
  return put(text, out) && flush(out) ? int{kOk} : output_failed(err);
}

int output_failed(std::FILE* err) {
  const int error = why_not_written;
  if (error == EPIPE) return kReaderGone;
  say(err, "ntstack: the output could not be written whole: {}\n",
      std::generic_category().message(error));
  return kFailed;
}

bool has_lost_file(std::FILE* err) {
  const std::string name = base::lost_file();
  if (name.empty()) return false;
  say(err, "ntstack: {}\n", base::printable(lost_file_text(name)));
  return true;
}

std::string lost_file_text(const std::string& name) {
  return name +
         " could not be read any more: it was cut meanwhile, or its disk fails; so there is no "
         "answer";
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
  say(err, "ntstack: {}\n", base::printable(error.text()));
  return kFailed;
}

int wrong(const base::Error& error, std::FILE* err) {
  say(err, "ntstack: {}\n", error.text());
  return kUsage;
}

}  // namespace ntstack::app
