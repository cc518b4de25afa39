#include "app/report_command.h"

#include <filesystem>
#include <fstream>
#include <optional>

#include "app/analyzed.h"
#include "app/exit_code.h"
#include "app/output.h"
#include "app/wait_sources.h"
#include "app/walked.h"
#include "base/text.h"
#include "report/html_page.h"
#include "report/redact.h"
#include "report/report_document.h"

namespace ntstack::app {
namespace {

namespace fs = std::filesystem;

// Whole or not at all.
base::Result<void> write_file(const std::string& name, const std::string& text) {
  const fs::path path = base::path_from_utf8(name);
  fs::path partial = path;
  partial += ".partial";
  std::ofstream file(partial, std::ios::binary);
  file.write(text.data(), static_cast<std::streamsize>(text.size()));
  file.close();
  std::error_code error;
  if (file) fs::rename(partial, path, error);
  if (file && !error) return {};
  std::error_code ignored;
  fs::remove(partial, ignored);
  return base::fail("{} can't be written", name);
}

}  // namespace

int run_report(const ReportOptions& options, std::FILE* out, std::FILE* err) {
  const auto choice = ThreadChoice::of(options.threads);
  if (!choice) return wrong(choice.error(), err);
  Downloads downloads(options.paths, err);
  auto walked = walk_dumps({options.dumps, options.paths, *choice, &downloads});
  if (!walked) return failed(walked.error(), err);
  std::optional<Analyzed> analyzed;
  std::optional<report::AnalysisFacts> analysis;
  if (walked->set.sessions.size() == 1 && walked->set.bundles.empty()) {
    DumpOptions dump = options.paths;
    dump.dump = options.dumps.front();
    // A folder of one dump has no page of its own.
    if (auto opened = Analyzed::open(dump, downloads)) {
      analyzed = std::move(*opened);
      analysis.emplace(analyzed->facts());
    }
  }
  const report::StackFacts facts = stack_facts_of(*walked, choice->is_all());
  const WaitSources readers(walked->set.sessions);
  const analysis::WaitGraph waits = analysis::wait_graph_of(walked->stacks, readers.sources());
  auto document = report::report_document(facts, analysis ? &*analysis : nullptr, waits);
  if (options.redact) {
    report::redact(document);
    document["redacted"] = true;
  }
  if (const auto done = write_file(options.page, report::html_page(document)); !done)
    return failed(done.error(), err);
  if (options.json.empty()) return kOk;
  const std::string text =
      document.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
  if (options.json == "-") return write(text, out, err);
  const auto done = write_file(options.json, text);
  return done ? int{kOk} : failed(done.error(), err);
}

}  // namespace ntstack::app
