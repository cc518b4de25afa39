// What names in expressions stand for in a console: registers, pseudo-registers, symbols, memory.
#pragma once

#include "console/console.h"

namespace ntstack::console {

class ConsoleScope : public Scope {
 public:
  explicit ConsoleScope(Console& console) : console_(console) {}

  bool is_64_bit() const override { return console_.is_64_bit(); }
  bool is_kernel() const override { return !console_.is_user_dump(); }
  const base::ByteSource& memory() const override { return console_.context_memory(); }
  base::Result<std::optional<std::uint64_t>> register_named(std::string_view name) override;
  std::optional<std::uint64_t> address_of(const std::string& symbol) override {
    for (symbols::Symbolizer* each : console_.symbolizers())
      if (const auto address = each->address_of(symbol)) return address;
    return std::nullopt;
  }

 private:
  using Found = base::Result<std::optional<std::uint64_t>>;
  Found pseudo_register(std::string_view name);
  Found of_registers(std::string_view name);
  Found of_objects(std::string_view name);
  Found of_no_dump(std::string_view name);
  Found effective_address(std::size_t number);
  Found return_address();

  Console& console_;
};

}  // namespace ntstack::console
