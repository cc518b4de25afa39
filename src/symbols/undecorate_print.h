// Prints what a decorated name says, inside out as C++'s declarators want it: a type has a part
// before and a part after what it declares. The output is bounded; past the limit printing stops.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "symbols/undecorate_nodes.h"

namespace ntstack::symbols::undecorating {

enum class Detail : std::uint8_t {
  full,           // access, static and virtual, results, calling conventions, types of variables
  no_convention,  // all but the calling convention
  names,          // none of them
};

class Printer {
 public:
  explicit Printer(std::size_t limit) : limit_(limit) {}

  // As llvm-undname prints it.
  void symbol(const Symbol& symbol, Detail detail);
  // The same without what surrounds the name: no parameters, no "[thunk]: ".
  void symbol_name(const Symbol& symbol);
  void identifier(const Identifier& identifier, Detail detail);

  // Too long or too deep: what is printed is only a part.
  bool overflowed() const { return overflowed_; }
  const std::string& text() const { return out_; }
  std::string take() { return std::move(out_); }

 private:
  void add(std::string_view text);
  void add_signed(std::int64_t value);
  void add_unsigned(std::uint64_t value);
  void add_number(Number number);
  void add_offsets(const std::int64_t* offsets, std::size_t count);
  void add_qualifiers(Qualifiers qualifiers);
  void space_after_word();

  void name(const Name& name, Detail detail);
  void arguments(const Identifier& identifier, Detail detail);
  void argument(const TemplateArgument& argument, Detail detail);
  void member_pointer(const TemplateArgument& argument, Detail detail);
  void dynamic_structor(const Identifier& identifier, Detail detail);
  void table(const Symbol& symbol, Detail detail);
  void variable(const Symbol& symbol, Detail detail);

  void before(const Type& type, Detail detail);
  void after(const Type& type, Detail detail);
  void before_pointer(const Type& type, Detail detail);
  void extents(const Type& type);
  void before_function(const Function& function, Detail detail);
  void after_function(const Function& function, Qualifiers qualifiers, Detail detail);
  void thunk_adjustment(const Function& function);
  void parameters(const Function& function, Detail detail);
  void calling_convention(const Function& function);

  class Level;  // one step of recursion

  std::string out_;
  std::size_t limit_;
  int depth_ = 0;
  bool overflowed_ = false;
};

// One step of recursion. Back-references can chain types deeper than the name's own text nests.
class Printer::Level {
 public:
  explicit Level(Printer& printer) : printer_(printer) {
    if (++printer_.depth_ > kMaxDepth) printer_.overflowed_ = true;
  }
  ~Level() { --printer_.depth_; }
  Level(const Level&) = delete;
  Level& operator=(const Level&) = delete;

 private:
  static constexpr int kMaxDepth = 600;
  Printer& printer_;
};

}  // namespace ntstack::symbols::undecorating
