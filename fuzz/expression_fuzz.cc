// Any text as an expression, over a scope that knows something of every kind: it ends, its length
// is within the text, and it gives the same again.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "console/expression.h"
#include "console/number_formats.h"

using namespace ntstack;

namespace {

class FuzzScope : public console::Scope {
 public:
  explicit FuzzScope(base::Bytes bytes) : memory_({{0x1000, bytes}}) {}
  bool wide = true;
  bool is_64_bit() const override { return wide; }
  bool is_kernel() const override { return wide; }
  const base::ByteSource& memory() const override { return memory_; }
  base::Result<std::optional<std::uint64_t>> register_named(std::string_view name) override {
    if (name == "eax" || name == "$ip") return std::optional<std::uint64_t>(0x80001000);
    if (name == "ebx") return base::fail("not known");
    return std::nullopt;
  }
  std::optional<std::uint64_t> address_of(const std::string& symbol) override {
    if (symbol.size() % 3 == 0) return 0x1000 + symbol.size();
    return std::nullopt;
  }

 private:
  base::SegmentSource memory_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  FuzzScope scope(base::Bytes::of(std::span<const std::uint8_t>(data, size)));
  scope.wide = (data[0] & 1) != 0;
  const unsigned radix = (data[0] & 2) != 0 ? 10 : 16;
  const auto first = console::evaluate_first(text, scope, radix);
  if (first && first->length > text.size()) std::abort();
  const auto whole = console::evaluate(text, scope, radix);
  const auto again = console::evaluate(text, scope, radix);
  if (whole.has_value() != again.has_value() || (whole && *whole != *again)) std::abort();
  if (whole && !first) std::abort();
  if (!whole) return 0;
  const auto formats = console::formats_of(*whole, scope.wide);
  if (console::formats_text(formats).empty()) std::abort();
  return 0;
}
