#include "console/completion.h"

#include <algorithm>
#include <array>

#include "analysis/kernel_types.h"
#include "base/text.h"
#include "console/command_line.h"

namespace ntstack::console {
namespace {

constexpr std::size_t kMost = 4096;

bool is_of_word(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         std::string_view("_!$@.:?").find(c) != std::string_view::npos;
}

std::string_view last_word(std::string_view text) {
  std::size_t begin = text.size();
  while (begin > 0 && is_of_word(text[begin - 1])) --begin;
  return text.substr(begin);
}

// The command that is being typed: behind the last ; or brace, quotes not looked at, since commands
// stand in them too (!list -x "...").
std::string_view last_command(std::string_view line) {
  const std::size_t part = line.find_last_of(";{}\"");
  return without_blanks(part == std::string_view::npos ? line : line.substr(part + 1));
}

constexpr std::array<std::string_view, 16> kRegisters64 = {"rax", "rbx", "rcx", "rdx", "rsi", "rdi",
                                                           "rbp", "rsp", "r8",  "r9",  "r10", "r11",
                                                           "r12", "r13", "r14", "r15"};
constexpr std::array<std::string_view, 9> kRegisters32 = {"eax", "ebx", "ecx", "edx", "esi",
                                                          "edi", "ebp", "esp", "eip"};
constexpr std::array<std::string_view, 12> kPseudoRegisters = {
    "$ip",   "$csp", "$ra",      "$retreg",   "$proc", "$thread",
    "$tpid", "$tid", "$ptrsize", "$pagesize", "$p",    "$exp"};

std::vector<std::string> register_names(base::Architecture architecture) {
  std::vector<std::string> names;
  if (architecture == base::Architecture::x86)
    names.assign(kRegisters32.begin(), kRegisters32.end());
  if (architecture == base::Architecture::x64) {
    names.assign(kRegisters64.begin(), kRegisters64.end());
    names.emplace_back("rip");
  }
  if (architecture == base::Architecture::arm64) {
    for (int i = 0; i <= 28; ++i) names.push_back("x" + std::to_string(i));
    names.insert(names.end(), {"fp", "lr", "sp", "pc"});
  }
  names.insert(names.end(), kPseudoRegisters.begin(), kPseudoRegisters.end());
  for (int i = 0; i < 20; ++i) names.push_back("$t" + std::to_string(i));
  return names;
}

bool begins_with(std::string_view text, std::string_view beginning) {
  return base::equals_ignoring_case(text.substr(0, beginning.size()), beginning);
}

}  // namespace

void Completer::add(std::string_view candidate, std::string_view word) {
  if (words_.size() < kMost && begins_with(candidate, word))
    words_.push_back(base::printable(candidate));
}

void Completer::add_modules(std::string_view word, bool with_bang) {
  for (symbols::Symbolizer* each : console_.symbolizers())
    for (std::size_t i = 0; i < each->modules().size(); ++i)
      add(each->short_name(i) + (with_bang ? "!" : ""), word);
}

// "nt!Ke", "@rs", "$thr", "n".
void Completer::add_expression(std::string_view word) {
  const std::size_t sign = word.starts_with('@') ? 1 : 0;
  if (sign == 1 || word.starts_with('$')) {
    for (const std::string& name : register_names(console_.architecture()))
      add((sign == 1 ? "@" : "") + name, word);
    return;
  }
  const std::size_t bang = word.find('!');
  if (bang == std::string_view::npos) return add_modules(word, true);
  const auto module = analysis::module_named(console_.kernel_view(), word.substr(0, bang));
  if (!module) return;
  const std::string before(word.substr(0, bang + 1));
  for (const std::string& name :
       names_.symbols(console_.symbolizer(), *module, word.substr(bang + 1)))
    add(before + name, word);
}

void Completer::add_types(std::string_view word) {
  const std::size_t bang = word.find('!');
  const bool has_module = bang != std::string_view::npos;
  if (!has_module) add_modules(word, true);
  const auto module =
      analysis::module_named(console_.kernel_view(), has_module ? word.substr(0, bang) : "nt");
  if (!module) return;
  const std::string before(has_module ? word.substr(0, bang + 1) : "");
  for (const std::string& name :
       names_.types(console_.symbolizer(), *module, word.substr(before.size())))
    add(before + name, word);
}

// dt TYPE ... FIELD: of the type in front; "ApcState.Pro" of the field's own type.
void Completer::add_fields(std::string_view before, std::string_view word) {
  const std::string_view type = before.substr(0, before.find_first_of(" \t"));
  const std::size_t bang = type.find('!');
  const auto module = analysis::module_named(
      console_.kernel_view(), bang == std::string_view::npos ? "nt" : type.substr(0, bang));
  const pdb::Pdb* pdb = module ? console_.symbolizer().pdb(*module) : nullptr;
  if (!pdb) return;
  auto structure = pdb->structure(bang == std::string_view::npos ? type : type.substr(bang + 1));
  std::size_t begin = 0;
  for (std::size_t point; structure && (point = word.find('.', begin)) != std::string_view::npos;
       begin = point + 1) {
    const std::string_view name = word.substr(begin, point - begin);
    const auto field = std::ranges::find_if(structure->fields, [&](const pdb::Field& each) {
      return base::equals_ignoring_case(each.name, name);
    });
    if (field == structure->fields.end()) return;
    const std::uint32_t field_type = field->type;
    structure = pdb->structure(field_type);
  }
  if (!structure) return;
  const std::string path(word.substr(0, begin));
  for (const pdb::Field& field : structure->fields) add(path + field.name, word);
}

void Completer::add_commands(std::string_view word) {
  for (const Family& family : console_.families())
    for (const Command& command : family.commands)
      for (const std::string_view name : command.names) add(name, word);
}

void Completer::add_processes(std::string_view word) {
  for (const target::Process& process : console_.machine().processes())
    add(base::file_name_of(process.name), word);
}

void Completer::add_for(const Command& command, std::string_view before, std::string_view word) {
  switch (command.completion) {
    case Completion::none:
      return;
    case Completion::command:
      return add_commands(word);
    case Completion::process:
      add_processes(word);
      return add_expression(word);
    case Completion::type:
      if (before.empty()) return add_types(word);
      add_fields(before, word);
      return add_expression(word);
    case Completion::expression:
    case Completion::thread:
      return add_expression(word);
  }
}

Completions Completer::of(std::string_view line) {
  words_.clear();
  if (names_age_ != console_.reloads()) names_ = {};
  names_age_ = console_.reloads();
  const std::string_view command = last_command(line);
  const std::string_view word = last_word(command);
  const std::string_view before = without_blanks(command.substr(0, command.size() - word.size()));
  if (before.empty()) {
    add_commands(word);
  } else if (const auto found = find_command(console_.families(), before)) {
    add_for(*found->command, found->arguments.text, word);
  }
  std::ranges::sort(words_);
  words_.erase(std::ranges::unique(words_).begin(), words_.end());
  return {line.size() - word.size(), std::move(words_)};
}

std::string common_beginning(const std::vector<std::string>& words) {
  if (words.empty()) return "";
  std::string_view common = words.front();
  for (const std::string& word : words)
    while (!begins_with(word, common)) common.remove_suffix(1);
  return std::string(common);
}

}  // namespace ntstack::console
