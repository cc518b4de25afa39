// A batch's lines as a database, for people who ask more than one question; its tables are in
// docs/batch.md.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "report/batch_line.h"

namespace ntstack::app {

class BatchDatabase {
 public:
  // Made where it is not there; what is in it stays. UTF-8.
  static base::Result<BatchDatabase> open(const std::string& path);
  BatchDatabase(BatchDatabase&&) noexcept;
  BatchDatabase& operator=(BatchDatabase&&) noexcept;
  ~BatchDatabase();

  // In place of what it has of that path.
  base::Result<void> add(const report::BatchResult& result);
  // Without it the last lines are lost.
  base::Result<void> finish();

 private:
  struct Connection;
  explicit BatchDatabase(std::unique_ptr<Connection> connection);
  std::unique_ptr<Connection> connection_;
};

}  // namespace ntstack::app
