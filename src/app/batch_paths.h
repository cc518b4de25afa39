// The files that a batch is to look at: those of a folder and of what is in it, or a list that is
// read as it comes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include "report/batch_line.h"

namespace ntstack::app {

// A file as a batch knows it. A file that is not there has the size 0.
report::BatchFile batch_file(const std::string& path);

class BatchPaths {
 public:
  // Files, folders, and "-" for a path a line of `in`. `in` outlives this.
  BatchPaths(std::vector<std::string> named, std::istream& in);

  // The next path; nothing at the end. Of folders: files whose name or beginning is that of a dump,
  // in no order. Links to folders are not followed.
  std::optional<std::string> next();
  std::size_t passed_over() const { return passed_over_; }  // files of folders that are no dumps
  const std::vector<std::string>& notes() const { return notes_; }  // folders that can't be read

 private:
  std::optional<std::string> next_of_folder();

  std::vector<std::string> named_;
  std::size_t at_ = 0;
  std::istream& in_;
  std::filesystem::recursive_directory_iterator folder_;
  bool in_folder_ = false, in_list_ = false;
  std::size_t passed_over_ = 0;
  std::vector<std::string> notes_;
};

}  // namespace ntstack::app
