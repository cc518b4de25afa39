// Lines that a batch wrote: where they go, what is there of an earlier run, and what becomes of
// them all.
#pragma once

#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "app/batch_command.h"
#include "app/batch_database.h"
#include "report/batch_line.h"

namespace ntstack::app {

// For one thread at a time.
class BatchResults {
 public:
  // Opens what the options name, and reads what --output has from an earlier run: a last line that
  // was cut is taken off. Fails where --output has something else. `out`: where lines go without
  // --output; outlives this.
  static base::Result<BatchResults> open(const BatchOptions& options, std::FILE* out);

  // Whether a line of it is there, for the same size and time, and nothing is to be tried again.
  bool has(const report::BatchFile& file) const;
  base::Result<void> add(const std::string& line);
  // Lines of files that batches wrote, for the summary and the database alone; "-" is standard
  // input. Of several lines of one path, in one file or in several, the last counts. How many lines
  // were none.
  base::Result<std::size_t> add_files(const std::vector<std::string>& names, std::istream& in);
  base::Result<void> finish();

  // Why add() failed: who reads the lines has gone.
  bool has_no_reader() const { return has_no_reader_; }
  const report::BatchSummary& summary() const { return summary_; }

 private:
  BatchResults() = default;
  base::Result<void> read_earlier(const BatchOptions& options);
  base::Result<void> count(const report::BatchResult& result);
  base::Error not_written();

  struct CloseFile {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  struct Seen {
    std::uint64_t size = 0;
    std::int64_t modified = 0;
  };
  std::unique_ptr<std::FILE, CloseFile> file_;
  std::FILE* out_ = nullptr;
  std::filesystem::path path_;  // of --output
  bool has_no_reader_ = false;
  std::optional<BatchDatabase> database_;
  report::BatchSummary summary_;
  std::unordered_map<std::string, Seen> seen_;  // by path
};

}  // namespace ntstack::app
