// What `ntstack batch` writes of a dump: one line of JSON, and what is put together of many such
// lines at the end.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "report/analyze.h"

namespace ntstack::report {

// Of a file, whatever is in it.
struct BatchFile {
  std::string path;  // as it was given, UTF-8
  std::uint64_t size = 0;
  std::int64_t modified = 0;  // seconds since 1970
};

// Why there is no answer.
struct BatchFailure {
  // "not_opened": no dump that is understood; "time_limit", "memory_limit", "crashed".
  std::string kind;
  std::string sentence;
};

// What every line that a batch writes begins with.
inline constexpr std::string_view kBatchLineBegin = R"({"schema_version":)";

// Without their line feed.
std::string batch_line(const BatchFile& file, const AnalysisFacts& facts,
                       std::uint64_t milliseconds);
std::string batch_line(const BatchFile& file, const BatchFailure& failure,
                       std::uint64_t milliseconds);

// A line that was read back. Fields that are not there are empty.
struct BatchResult {
  BatchFile file;
  std::string failure, failure_sentence;  // kind; empty: answered
  std::string kind, happened, code, bugcheck, module, symbol, confidence, signature;
  std::optional<std::string> system_time;  // "2026-03-01 12:00:00 UTC"
  std::uint64_t build = 0, milliseconds = 0;
  bool has_guesses = false;
  std::vector<std::string> frames;  // the signature's
  struct Finding {
    std::string kind, sentence, confidence;
  };
  std::vector<Finding> findings;
};
// Fails for what is no such line: lines of other types and cut ones too.
base::Result<BatchResult> read_batch_line(std::string_view line);

// Dumps of the same signature.
struct BatchGroup {
  std::string signature;                           // empty: dumps that have none, by what happened
  std::string happened, bugcheck, module, symbol;  // of the first
  std::size_t dumps = 0;
  std::vector<std::string> examples;  // paths, kMostExamples at most
};

// Counts lines as they come; holds as much as there are signatures.
class BatchSummary {
 public:
  static constexpr std::size_t kMostExamples = 3;
  void add(const BatchResult& result);
  std::size_t dumps() const { return dumps_; }
  std::size_t failed() const { return failed_; }
  // The largest first.
  std::vector<BatchGroup> groups() const;
  std::string text(std::size_t most) const;
  // One line: the stream's last.
  std::string line() const;

 private:
  std::size_t dumps_ = 0, failed_ = 0;
  std::map<std::string, std::size_t> failures_;  // by kind
  std::map<std::string, BatchGroup> groups_;
};

}  // namespace ntstack::report
