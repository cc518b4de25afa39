// Tells people of downloads: a line that changes on a terminal, plain lines elsewhere.
#pragma once

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>

#include "store/fetch.h"

namespace ntstack::app {

// "12.3 MB"
std::string size_text(std::uint64_t bytes);

class DownloadProgress : public store::FetchListener {
 public:
  explicit DownloadProgress(std::FILE* err);
  ~DownloadProgress() override;  // the line that changes goes away
  DownloadProgress(const DownloadProgress&) = delete;
  DownloadProgress& operator=(const DownloadProgress&) = delete;

  void progress(const store::FetchProgress& progress) override;
  void done(const store::Wanted& wanted, const store::Fetched& fetched) override;

 private:
  void clear();

  std::FILE* err_;
  bool is_terminal_;
  bool has_line_ = false;
  std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
};

}  // namespace ntstack::app
