// From a dump's bytes to what is concluded of it: `analyze` as text and JSON, a batch's line,
// groups, and the report's page, as it is and redacted.
#include <nlohmann/json.hpp>

#include "analysis/analyze.h"
#include "app/session.h"
#include "input.h"
#include "mutate_dump.h"
#include "report/analyze.h"
#include "report/batch_line.h"
#include "report/groups.h"
#include "report/html_page.h"
#include "report/json.h"
#include "report/redact.h"
#include "report/report_document.h"
#include "stacks/walker.h"

using namespace ntstack;

namespace {

void check_page(const report::StackFacts& facts, const report::AnalysisFacts& analysis) {
  const analysis::WaitGraph none;
  auto document = report::report_document({facts, &analysis, none, {}});
  report::redact(document, {"/nonexistent"});
  fuzz::require(!report::html_page(document).empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto dump = dump::parse(base::Bytes::of(std::span(data, size)));
  if (!dump) return 0;
  app::DumpOptions options;
  options.dump = "damaged.dmp";
  options.symbol_path = "/nonexistent";
  auto session = app::Session::over(std::move(*dump), options);
  stacks::Walker walker(session.machine(), session.symbolizer());
  const auto analysis = analysis::analyze(session.machine(), walker, session.symbolizer());
  const auto facts = report::analysis_facts(session.facts(), analysis, session.symbolizer());
  for (const bool is_verbose : {false, true})
    fuzz::require(!report::analysis_text(facts, {}, is_verbose).empty());
  fuzz::require(nlohmann::json::accept(report::analysis_json(facts)));
  const std::string line = report::batch_line({"damaged.dmp", size, 0}, facts, 1);
  fuzz::require(report::read_batch_line(line).has_value());
  const report::StackFacts stacks{session.facts(), {}, analysis.stacks, {}};
  const auto groups = report::group_facts(stacks);
  (void)report::groups_text(groups, {}, 10);
  fuzz::require(nlohmann::json::accept(report::groups_json(groups)));
  fuzz::require(nlohmann::json::accept(report::modules_json(session.facts())));
  check_page(stacks, facts);
  return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t most, unsigned seed) {
  return ntstack::fuzz::mutate_dump(data, size, most, seed);
}

extern "C" bool LLVMFuzzerDoor(const std::uint8_t* data, std::size_t size) {
  return ntstack::dump::parse(ntstack::base::Bytes::of(std::span(data, size))).has_value();
}
