// What a session writes, in a file too (.logopen).
#pragma once

#include <cstdio>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"

namespace ntstack::console {

class LogFile {
 public:
  // `path`: UTF-8. A file that is there is written anew, or goes on at its end.
  static base::Result<LogFile> open(const std::string& path, bool appends);

  void write(std::string_view text);
  // What was written is in the file: a session may end at any time.
  void flush();
  const std::string& path() const { return path_; }
  // An error: not everything could be written.
  base::Result<void> close();

 private:
  void note_failure();
  struct Closer {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  std::string path_;
  std::unique_ptr<std::FILE, Closer> file_;
  std::string why_;  // it could not be written whole; empty: it could
};

}  // namespace ntstack::console
