#include "app/report_command.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string_view>
#include <system_error>

#include "app/analyzed.h"
#include "app/exit_code.h"
#include "app/output.h"
#include "app/wait_sources.h"
#include "app/walked.h"
#include "base/partial.h"
#include "base/text.h"
#include "report/html_page.h"
#include "report/redact.h"
#include "report/report_document.h"

namespace ntstack::app {
namespace {

namespace fs = std::filesystem;

bool is_same_file(const std::string& a, const std::string& b) {
  std::error_code ignored;
  return a == b || fs::equivalent(base::path_from_utf8(a), base::path_from_utf8(b), ignored);
}

// By the signatures that Windows' dumps begin with.
bool is_dump(const std::string& name) {
  std::error_code ignored;
  if (!fs::is_regular_file(base::path_from_utf8(name), ignored)) return false;  // a device may wait
  std::ifstream file(base::path_from_utf8(name), std::ios::binary);
  char begin[4] = {};
  file.read(begin, sizeof begin);
  const std::string_view signature(begin, file ? sizeof begin : 0);
  return signature == "PAGE" || signature == "MDMP";
}

// What is written must not take the place of what is read, or of each other.
base::Result<void> check_outputs(const ReportOptions& options) {
  for (const std::string& output : {options.page, options.json}) {
    if (output.empty() || output == "-") continue;
    if (is_dump(output)) return base::fail("{} is a dump: it is not written over", output);
    for (const std::string& dump : options.dumps)
      if (is_same_file(output, dump))
        return base::fail("{} is what is read: the output needs a name of its own", output);
  }
  if (is_same_file(options.page, options.json))
    return base::fail("{} can't be the page and the JSON", options.page);
  return {};
}

// Where the user's files lie: of dumps and of the paths, as they were written and whole.
std::vector<std::string> folders_of(const ReportOptions& options) {
  std::vector<std::string> folders;
  const auto add = [&](const fs::path& folder) {
    std::error_code failed;
    const fs::path whole = fs::absolute(folder, failed);
    folders.push_back(base::path_text(folder));
    if (!failed) folders.push_back(base::path_text(whole.lexically_normal()));
  };
  for (const std::string& dump : options.dumps) {
    const fs::path path = base::path_from_utf8(dump);
    std::error_code ignored;
    if (fs::is_directory(path, ignored)) add(path);
    if (path.has_parent_path()) add(path.parent_path());
  }
  for (std::string paths : {symbol_path_text(options.paths), image_path_text(options.paths)}) {
    std::ranges::replace(paths, '*', ';');
    std::istringstream elements(paths);
    for (std::string element; std::getline(elements, element, ';');)
      if (element.find_first_of("/\\") != std::string::npos && !element.contains("://"))
        add(base::path_from_utf8(element));
  }
  return folders;
}

int write_outputs(const ReportOptions& options, const nlohmann::ordered_json& document,
                  std::FILE* out, std::FILE* err) {
  const auto write_file = [](const std::string& name, const std::string& text) {
    return base::write_whole(base::path_from_utf8(name), base::Bytes::of(text));
  };
  if (has_lost_file(err)) return kFailed;
  if (const auto done = write_file(options.page, report::html_page(document)); !done)
    return failed(done.error(), err);
  if (options.json.empty()) return kOk;
  const std::string text =
      document.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
  if (options.json == "-") return write(text, out, err);
  const auto done = write_file(options.json, text);
  return done ? int{kOk} : failed(done.error(), err);
}

}  // namespace

int run_report(const ReportOptions& options, std::FILE* out, std::FILE* err) {
  const auto choice = ThreadChoice::of(options.threads);
  if (!choice) return wrong(choice.error(), err);
  if (const auto checked = check_outputs(options); !checked) return wrong(checked.error(), err);
  Downloads downloads(options.paths, err);
  auto walked = walk_dumps({options.dumps, options.paths, *choice, &downloads, true});
  if (!walked) return failed(walked.error(), err);
  if (!choice->is_all() && walked->stacks.empty())
    return failed(
        {"no " + choice->text() + " is in " + walked->set.sessions.front().facts().file_name, {}},
        err);
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
  auto document =
      report::report_document({facts, analysis ? &*analysis : nullptr, waits, walked->needs});
  if (options.redact) {
    report::redact(document, folders_of(options));
    document["redacted"] = true;
  }
  return write_outputs(options, document, out, err);
}

}  // namespace ntstack::app
