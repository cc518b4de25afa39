// A kd> session over one dump: its context and settings, and the running of command lines. It knows
// no terminal: text goes to a sink.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "analysis/code_view.h"
#include "analysis/slot_meaning.h"
#include "base/error.h"
#include "console/commands.h"
#include "console/context.h"
#include "console/expression.h"
#include "stacks/walker.h"
#include "symbols/symbolizer.h"
#include "target/machine.h"

namespace ntstack::console {

// What is looked at; all outlive the console.
struct Target {
  const target::Machine* machine = nullptr;
  symbols::Symbolizer* symbolizer = nullptr;
  stacks::Walker* walker = nullptr;
  std::string file_name = {};  // of the dump, as the user named it
};

struct Settings {
  std::uint64_t frames = 0x100;  // of k
  unsigned radix = 16;
  std::uint64_t most_bytes = 0x10000000;      // of a range: 256 MB, as WinDbg has it
  std::uint64_t most_unlimited = UINT64_MAX;  // of a range with L?
};

// What commands leave for those after them.
struct Memory {
  std::optional<std::uint64_t> next_address;  // where d* goes on
  std::optional<std::uint64_t> next_code;     // where u and ub do
  std::uint64_t last_shown = 0;               // $p
  std::uint64_t last_evaluated = 0;           // $exp
  std::uint64_t list_element = 0;             // $extret
  std::array<std::uint64_t, 20> variables{};  // $t0 to $t19
  bool has_told_of_home_space = false;
};

class Console {
 public:
  using Sink = std::function<void(std::string_view)>;

  Console(const Target& target, Sink sink);

  // Runs what a line holds. Errors are written like answers, and end nothing but their command.
  void run(std::string_view line);
  // What a line answers, for commands that go through it.
  std::string output_of(std::string_view line);
  // "3: kd> ", "0:000> "
  std::string prompt() const;
  bool is_over() const { return is_over_; }
  // Says that the user wants the command to stop; may be empty.
  std::function<bool()> interrupted;
  bool is_interrupted() const { return interrupted && interrupted(); }
  // Whether the console stands on a terminal: .cls clears it.
  bool is_interactive = false;

  // For commands.
  const target::Machine& machine() const { return *target_.machine; }
  symbols::Symbolizer& symbolizer() { return *target_.symbolizer; }
  stacks::Walker& walker() { return *target_.walker; }
  const std::string& file_name() const { return target_.file_name; }
  bool is_64_bit() const { return machine().is_64_bit(); }
  bool is_user_dump() const { return machine().dump().kind == dump::Kind::minidump; }
  base::Architecture architecture() const { return machine().dump().architecture; }
  const std::vector<Family>& families() const { return families_; }
  void write(std::string_view text) { sink_(text); }
  void end() { is_over_ = true; }

  base::Result<std::uint64_t> evaluate(std::string_view text);
  base::Result<Evaluated> evaluate_first(std::string_view text);
  // The registers of the context, or why there are none.
  base::Result<RegisterContext> registers() const;
  // Made when first asked for.
  analysis::SlotReader& slots();
  const analysis::CodeView& code();
  // "nt!KeBugCheckEx+0x12", or the address where nothing is known of it.
  std::string name_of(std::uint64_t address);
  std::string address_text(std::uint64_t address) const;

  Context context;
  Settings settings;
  Memory memory;

 private:
  void run_command(std::string_view text);

  Target target_;
  Sink sink_;
  std::vector<Family> families_;
  std::unique_ptr<analysis::SlotReader> slots_;
  std::unique_ptr<analysis::CodeView> code_;
  bool is_over_ = false;
  std::size_t depth_ = 0;  // of commands that run commands
};

}  // namespace ntstack::console
