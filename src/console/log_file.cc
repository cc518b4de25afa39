#include "console/log_file.h"

#include <cerrno>
#include <system_error>

#include "base/text.h"

#ifdef _WIN32
#include <wchar.h>
#endif

namespace ntstack::console {
namespace {

std::FILE* opened(const std::string& path, bool appends) {
  const std::filesystem::path native = base::path_from_utf8(path);
#ifdef _WIN32
  return _wfopen(native.c_str(), appends ? L"ab" : L"wb");
#else
  return std::fopen(native.c_str(), appends ? "ab" : "wb");
#endif
}

}  // namespace

base::Result<LogFile> LogFile::open(const std::string& path, bool appends) {
  LogFile log;
  log.path_ = path;
  log.file_.reset(opened(path, appends));
  if (!log.file_)
    return base::fail("{} can't be written: {}", base::printable(path),
                      std::generic_category().message(errno));
  return log;
}

void LogFile::write(std::string_view text) {
  if (file_ && std::fwrite(text.data(), 1, text.size(), file_.get()) != text.size()) note_failure();
}

void LogFile::flush() {
  if (file_ && std::fflush(file_.get()) != 0) note_failure();
}

// The first reason is the one that is told.
void LogFile::note_failure() {
  if (why_.empty()) why_ = std::generic_category().message(errno);
}

base::Result<void> LogFile::close() {
  if (file_ && std::fclose(file_.release()) != 0) note_failure();
  if (!why_.empty())
    return base::fail("{} could not be written whole: {}", base::printable(path_), why_);
  return {};
}

}  // namespace ntstack::console
