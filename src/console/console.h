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
#include "analysis/kernel_view.h"
#include "analysis/slot_meaning.h"
#include "base/error.h"
#include "console/aliases.h"
#include "console/commands.h"
#include "console/context.h"
#include "console/control.h"
#include "console/expression.h"
#include "console/log_file.h"
#include "console/user_half.h"
#include "stacks/walker.h"
#include "symbols/symbolizer.h"
#include "target/machine.h"

namespace ntstack::console {

// What is looked at; all outlive the console.
struct Target {
  const target::Machine* machine = nullptr;
  symbols::Symbolizer* symbolizer = nullptr;
  stacks::Walker* walker = nullptr;
  // For the images of processes; may be empty.
  stacks::SymbolizerMaker symbolizer_maker = {};
  std::string file_name = {};  // of the dump, as the user named it
};

// Where symbols and images are looked for, in WinDbg's syntax.
struct SymbolPaths {
  std::string symbols, images;
};

struct Settings {
  std::uint64_t frames = 0x100;  // of k
  unsigned radix = 16;
  std::uint64_t most_bytes = 0x10000000;      // of a range: 256 MB, as WinDbg has it
  std::uint64_t most_unlimited = UINT64_MAX;  // of a range with L?
  std::uint64_t most_rounds = 0x100000;       // of the loops of a line
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
  Console(const Console&) = delete;
  Console& operator=(const Console&) = delete;

  // Runs what a line holds. Errors are written like answers, and end nothing but their command.
  void run(std::string_view line);
  // What a line answers, for commands that go through it.
  std::string output_of(std::string_view line);
  // "3: kd> ", "0:000> "
  std::string prompt() const;
  bool is_over() const { return is_over_; }
  // Whether the console stands on a terminal: .cls clears it.
  bool is_interactive = false;
  // Whether commands may read and write files that the user names.
  bool may_use_files = false;
  // Asked by commands that take long; they end when it says so. May be
  // empty.
  std::function<bool()> interrupted;
  bool is_interrupted() const { return interrupted && interrupted(); }
  // Opens the dump anew by other paths. What was looked at until then is gone when it succeeds.
  std::function<base::Result<Target>(const SymbolPaths&)> reopen;
  // Asks the servers of `paths` for files, and returns how many came. Empty: nobody can be asked.
  std::function<std::size_t(const std::vector<store::Wanted>&)> fetch;

  // For commands.
  const target::Machine& machine() const { return *target_.machine; }
  // What addresses are looked up in: user addresses in the implicit process.
  const base::ByteSource& context_memory() const { return context_memory_; }
  // The kernel's modules, or a user dump's.
  symbols::Symbolizer& symbolizer() { return *target_.symbolizer; }
  // The same, or the implicit process's modules where the address lies in one of them.
  symbols::Symbolizer& symbolizer_at(std::uint64_t address);
  // Both: the process's first, where .reload /user looked them up.
  std::vector<symbols::Symbolizer*> symbolizers();
  UserHalf& user_half() { return user_half_; }
  // For readers of kernel objects; as good as the symbols are: not beyond a reload.
  analysis::KernelView kernel_view() {
    return {machine(), symbolizer(), symbolizers(), interrupted};
  }
  stacks::Walker& walker() { return *target_.walker; }
  const stacks::SymbolizerMaker& symbolizer_maker() const { return target_.symbolizer_maker; }
  const std::string& file_name() const { return target_.file_name; }
  bool is_64_bit() const { return machine().is_64_bit(); }
  bool is_user_dump() const { return machine().dump().kind == dump::Kind::minidump; }
  base::Architecture architecture() const { return machine().dump().architecture; }
  const std::vector<Family>& families() const { return families_; }
  // Not behind an interruption.
  void write(std::string_view text) {
    if (!is_interrupted()) put(text);
  }
  void end() { is_over_ = true; }

  base::Result<std::uint64_t> evaluate(std::string_view text);
  base::Result<Evaluated> evaluate_first(std::string_view text);
  // The registers of the context, or why there are none.
  base::Result<RegisterContext> registers() const;
  // Looks up all symbols anew, by `paths`. The context stays, as far as it is found again.
  base::Result<void> reload();
  // How often that was done: what was kept of symbols is as old as this.
  std::size_t reloads() const { return reloads_; }

  // Made when first asked for.
  analysis::SlotReader& slots();
  const analysis::CodeView& code_at(std::uint64_t address);
  // "nt!KeBugCheckEx+0x12", or the address where nothing is known of it.
  std::string name_of(std::uint64_t address);
  std::string address_text(std::uint64_t address) const;

  Context context;
  Settings settings;
  Memory memory;
  Aliases aliases;
  Control control;
  SymbolPaths paths;
  std::optional<LogFile> log;  // where everything that is written goes too
  bool has_lost_log = false;   // one could not be opened, or written whole: that was said

 private:
  void put(std::string_view text) {
    if (log && captures_ == 0) log->write(text);
    sink_(text);
  }
  void run_all(std::string_view line);
  void run_command(std::string_view text);

  Target target_;
  Sink sink_;
  std::vector<Family> families_;
  std::unique_ptr<analysis::SlotReader> slots_;
  std::unique_ptr<analysis::CodeView> code_;
  symbols::Symbolizer* code_symbolizer_ = nullptr;  // that code_ is made with
  UserHalf user_half_;
  ContextMemory context_memory_{*this};
  bool is_over_ = false;
  std::size_t depth_ = 0;  // of commands that run commands
  std::size_t reloads_ = 0;
  std::size_t captures_ = 0;  // of output_of
};

}  // namespace ntstack::console
