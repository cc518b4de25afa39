#include "report/bundle_text.h"

#include <fmt/format.h>

#include <map>

#include "base/text.h"
#include "report/times.h"

namespace ntstack::report {
namespace {

using base::printable;

std::string line(std::string_view name, const std::string& text) {
  return fmt::format("  {:<10} {}\n", name, text);
}

std::string file_line(const dump::BundleFile& file) {
  std::string text = fmt::format("{}, {} bytes", printable(file.name), file.size);
  if (!file.contents.empty()) text += ", " + printable(file.contents);
  const bool is_of_threads =
      file.kind == dump::BundleFileKind::triage || file.kind == dump::BundleFileKind::kernel_stacks;
  if (is_of_threads) text += fmt::format(", {} of {} threads", file.captured, file.asked);
  if (file.stood_still_us)
    text += fmt::format(", the system stood still for {} ms", *file.stood_still_us / 1000);
  return line("file", text);
}

}  // namespace

std::string bundle_text(const dump::Bundle& bundle) {
  std::string out =
      fmt::format("capture of {} (process {}) by {}\n", printable(bundle.process.name),
                  bundle.process.id, printable(bundle.program));
  const dump::BundleMachine& machine = bundle.machine;
  out +=
      line("machine", fmt::format("{}, Windows {}, {}, {} processors, {} MB",
                                  machine.name.empty() ? "?" : printable(machine.name),
                                  printable(machine.version), base::name_of(machine.architecture),
                                  machine.processors, machine.physical_memory >> 20));
  if (bundle.started != 0) {
    std::string when = time_text(bundle.started);
    if (bundle.ended > bundle.started)
      when += fmt::format(", {:.1f} s", static_cast<double>(bundle.ended - bundle.started) / 1e7);
    out += line("taken", when + (bundle.is_cut_short ? ", cut short" : ""));
  }
  for (const dump::BundleFile& file : bundle.files) out += file_line(file);
  std::map<std::string, std::size_t> outcomes;
  for (const dump::BundleThread& thread : bundle.threads) ++outcomes[printable(thread.outcome)];
  std::string threads = fmt::format("{}", bundle.threads.size());
  const char* separator = ": ";
  for (const auto& [outcome, count] : outcomes) {
    threads += fmt::format("{}{} {}", separator, count, outcome);
    separator = ", ";
  }
  out += line("threads", threads);
  return out + "\n";
}

}  // namespace ntstack::report
