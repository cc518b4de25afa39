// A dump with what analyze concludes of it, and with the files that servers have for it.
#pragma once

#include <functional>
#include <optional>

#include "analysis/analyze.h"
#include "app/downloads.h"
#include "app/session.h"
#include "report/analyze.h"
#include "stacks/walker.h"

namespace ntstack::app {

class Analyzed {
 public:
  // `downloads`: of the same paths, and of as many dumps as one likes.
  static base::Result<Analyzed> open(const DumpOptions& dump, Downloads& downloads);

  const analysis::Analysis& analysis() const { return *analysis_; }
  // Of this; outlived by it.
  report::AnalysisFacts facts();

 private:
  Analyzed() = default;
  std::optional<Session> session_;
  std::unique_ptr<stacks::Walker> walker_;
  std::unique_ptr<analysis::Analysis> analysis_;
};

}  // namespace ntstack::app
