#include "console/log_file.h"

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
  if (!log.file_) return base::fail("{} can't be written", base::printable(path));
  return log;
}

void LogFile::write(std::string_view text) {
  if (file_ && std::fwrite(text.data(), 1, text.size(), file_.get()) != text.size()) failed_ = true;
}

base::Result<void> LogFile::close() {
  if (file_ && std::fclose(file_.release()) != 0) failed_ = true;
  if (failed_) return base::fail("{} could not be written whole", base::printable(path_));
  return {};
}

}  // namespace ntstack::console
