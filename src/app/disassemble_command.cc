#include "app/disassemble_command.h"

#include <string_view>

#include "app/downloads.h"
#include "app/exit_code.h"
#include "app/output.h"
#include "base/text.h"
#include "code/disassembler.h"
#include "console/console.h"
#include "report/disassembly.h"

namespace ntstack::app {
namespace {

// An expression as the console takes it: "b958ecdf", "nt!IofCallDriver+0x45", "poi(@esp)".
base::Result<std::uint64_t> address_of(const std::string& text, Session& session) {
  stacks::Walker walker(session.machine(), session.symbolizer(), session.symbolizer_maker());
  console::Console console({&session.machine(), &session.symbolizer(), &walker},
                           [](std::string_view) {});
  const auto value = console.evaluate(text);
  if (value) return *value;
  // Names that the evaluator would take apart: "a!operator+".
  if (const auto whole = session.symbolizer().address_of(text)) return *whole;
  return base::fail("{} is neither an address nor a symbol that is known ({})",
                    base::printable(text), value.error().text());
}

bool is_below_4_gb(std::uint64_t address) { return address <= UINT32_MAX; }

// A 32-bit dump's addresses, also where they were copied with their sign.
std::uint64_t fitted(std::uint64_t address, base::Architecture architecture) {
  const bool is_extended = architecture == base::Architecture::x86 && !is_below_4_gb(address) &&
                           address >> 31 == UINT64_MAX >> 31;
  return is_extended ? address & UINT32_MAX : address;
}

void disassemble(const DisassembleOptions& options, const analysis::CodeView& view,
                 report::DisassemblyFacts& facts) {
  if (options.call) {
    facts.called = analysis::called_before(view, facts.address);
  } else if (options.function) {
    facts.function = analysis::function_code(view, facts.address);
  } else if (options.before > 0) {
    facts.listing = analysis::list_before(view, facts.address, options.before);
  } else {
    facts.listing = analysis::list_from(view, facts.address, options.count);
  }
}

bool is_empty(const report::DisassemblyFacts& facts) {
  return (facts.listing && facts.listing->lines.empty()) ||
         (facts.function && facts.function->blocks.empty());
}

// Files of the modules that the answer is about.
std::vector<store::Wanted> wanted_for(Session& session, std::uint64_t address) {
  std::vector<store::Wanted> wanted;
  const auto module = session.symbolizer().module_at(address);
  if (!module) return wanted;
  symbols::Lacking lacking = session.symbolizer().lacking(*module);
  if (lacking.image) wanted.push_back(std::move(*lacking.image));
  if (lacking.pdb) wanted.push_back(std::move(*lacking.pdb));
  return wanted;
}

}  // namespace

int run_disassemble(const DisassembleOptions& options, std::FILE* out, std::FILE* err) {
  if (!code::can_disassemble())
    return failed({"this build of ntstack has no disassembler (Capstone)", {}}, err);
  Downloads downloads(options.dump, err);
  DumpOptions paths = options.dump;
  downloads.serve(paths);
  while (true) {
    auto session = Session::open(paths);
    if (!session) return failed(session.error(), err);
    const base::Architecture architecture = session->machine().dump().architecture;
    const auto address = address_of(options.address, *session);
    if (!address) return wrong(address.error(), err);
    const analysis::CodeView view(session->machine().memory(), session->symbolizer(), architecture);
    report::DisassemblyFacts facts{
        session->facts(), fitted(*address, architecture), true, {}, {}, {}, {}};
    if (!downloads.get(wanted_for(*session, facts.address)).empty()) continue;
    facts.is_64_bit = view.is_64_bit_at(facts.address);
    disassemble(options, view, facts);
    facts.missing = session->symbolizer().missing();
    const int code = write(
        options.json ? report::disassembly_json(facts) : report::disassembly_text(facts), out, err);
    return code == kOk && is_empty(facts) ? int{kFailed} : code;
  }
}

}  // namespace ntstack::app
