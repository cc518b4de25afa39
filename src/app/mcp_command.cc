#include "app/mcp_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <deque>
#include <istream>

#include "app/child_process.h"
#include "app/exit_code.h"
#include "app/mcp_server.h"
#include "app/mcp_tools.h"
#include "app/output.h"
#include "base/text.h"

namespace ntstack::app {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kPageBytes = 24000;
constexpr std::size_t kMostOutput = std::size_t{256} << 20;
constexpr std::size_t kMostNotes = 8192;
constexpr std::size_t kKeptAnswers = 8;
constexpr std::size_t kMostMessage = std::size_t{16} << 20;

// What a command printed.
struct Output {
  std::vector<std::string> command;
  std::string out, err;
  bool is_error = false;
};

// Whole lines, kPageBytes at most but where one line is longer.
std::vector<std::string_view> pages_of(std::string_view text) {
  std::vector<std::string_view> pages;
  while (text.size() > kPageBytes) {
    std::size_t end = text.rfind('\n', kPageBytes - 1);
    if (end == std::string_view::npos) end = text.find('\n');
    if (end == std::string_view::npos) break;
    pages.push_back(text.substr(0, end + 1));
    text.remove_prefix(end + 1);
  }
  if (!text.empty() || pages.empty()) pages.push_back(text);
  return pages;
}

// Runs tools as commands of this program, each in a process of its own.
class Tools {
 public:
  explicit Tools(const McpOptions& options) : options_(options) {}

  McpAnswer call(const std::string& name, const nlohmann::json& arguments) {
    auto command = tool_command(*mcp_tool(name), arguments);
    if (!command) return {command.error().text(), "", true};
    std::size_t page = 1;
    if (const auto asked = arguments.find("page"); asked != arguments.end() && !asked->is_null()) {
      if (!asked->is_number_unsigned() || *asked == 0)
        return {"the argument page must be a number of 1 or more", "", true};
      page = asked->get<std::size_t>();
    }
    return page_of(output_of(with_paths(std::move(*command)), page != 1), page);
  }

 private:
  // The server's own paths, before the "--" that ends options.
  std::vector<std::string> with_paths(std::vector<std::string> command) const {
    std::vector<std::string> paths = {"--quiet"};
    const DumpOptions& given = options_.paths;
    if (!given.symbol_path.empty()) paths.push_back("--symbols=" + given.symbol_path);
    if (!given.image_path.empty()) paths.push_back("--images=" + given.image_path);
    if (given.ms_symbols) paths.emplace_back("--ms-symbols");
    if (given.offline) paths.emplace_back("--offline");
    command.insert(std::ranges::find(command, "--"), paths.begin(), paths.end());
    if (options_.memory_limit != 0)
      command.insert(command.begin(), fmt::format("--memory-limit={}", options_.memory_limit));
    return command;
  }

  // Further pages are of what was printed before: dumps do not change.
  const Output& output_of(std::vector<std::string> command, bool may_be_kept) {
    const auto kept = std::ranges::find(kept_, command, &Output::command);
    if (kept != kept_.end() && may_be_kept) return *kept;
    if (kept != kept_.end()) kept_.erase(kept);
    kept_.push_front(run(std::move(command)));
    std::size_t bytes = 0;
    for (const Output& each : kept_) bytes += each.out.size();
    for (; kept_.size() > 1 && (kept_.size() > kKeptAnswers || bytes > kMostOutput);
         kept_.pop_back())
      bytes -= kept_.back().out.size();
    return kept_.front();
  }

  Output run(std::vector<std::string> command) const {
    Output output{std::move(command), "", "", true};
    auto child = ChildProcess::start(output.command);
    if (!child) {
      output.err = child.error().text();
      return output;
    }
    child->close_input();
    const auto deadline = Clock::now() + std::chrono::seconds(options_.time_limit);
    while (true) {
      const auto read = child->read(deadline, output.out, output.err);
      if (output.err.size() > kMostNotes) output.err.erase(0, output.err.size() - kMostNotes);
      if (read == ChildProcess::Output::ended) break;
      const bool is_late = read == ChildProcess::Output::late || Clock::now() >= deadline;
      if (!is_late && output.out.size() <= kMostOutput) continue;
      child->kill();
      output.err += is_late ? fmt::format("stopped: it took longer than {} s", options_.time_limit)
                            : "stopped: the answer is too long: choose threads or processes";
      return output;
    }
    const int code = child->wait();
    output.is_error = code != kOk;
    if (code > kNoMemory) output.err += how_it_ended(code);
    return output;
  }

  static McpAnswer page_of(const Output& output, std::size_t page) {
    McpAnswer answer{"", output.err, output.is_error};
    if (output.is_error && output.out.empty()) {
      std::swap(answer.text, answer.notes);
      return answer;
    }
    const auto pages = pages_of(output.out);
    if (page > pages.size())
      return {fmt::format("there are {} pages", pages.size()), "", true, page, pages.size()};
    answer.text = pages[page - 1];
    answer.page = page;
    answer.pages = pages.size();
    if (pages.size() > 1)
      answer.notes += fmt::format("page {} of {}{}", page, pages.size(),
                                  page < pages.size() ? ": ask for the next by page" : "");
    return answer;
  }

  const McpOptions& options_;
  std::deque<Output> kept_;
};

// The next line without its line feed; false at the end. Of one that is longer than a message may
// be no more is kept than that, so that it is no JSON.
bool next_line(std::istream& in, std::string& line) {
  constexpr int end = std::istream::traits_type::eof();
  line.clear();
  int next = in.rdbuf()->sbumpc();
  if (next == end) return false;
  for (; next != end && next != '\n'; next = in.rdbuf()->sbumpc())
    if (line.size() < kMostMessage) line.push_back(static_cast<char>(next));
  return true;
}

}  // namespace

int run_mcp(const McpOptions& options, std::istream& in, std::FILE* out, std::FILE* err) {
#ifdef SIGPIPE
  std::signal(SIGPIPE, SIG_IGN);
#endif
  Tools tools(options);
  McpServer server([&](const std::string& name, const nlohmann::json& arguments) {
    return tools.call(name, arguments);
  });
  for (std::string line; next_line(in, line);) {
    if (line.ends_with('\r')) line.pop_back();
    if (line.empty()) continue;
    const auto answer = server.answer(line);
    if (!answer) continue;
    const std::string text = *answer + "\n";
    if (std::fwrite(text.data(), 1, text.size(), out) != text.size() || std::fflush(out) != 0) {
      say(err, "ntstack: the client is gone\n");
      return kFailed;
    }
  }
  return kOk;
}

}  // namespace ntstack::app
