// Walks with code, unwind data, a function table, a stack and registers that all come from the
// input. Every step with a cache equals the one without; a stack grows but across a machine frame.
#include <cstdlib>
#include <memory>

#include "image_builder.h"
#include "pe/image.h"
#include "unwind/scan.h"
#include "unwind/x64.h"
#include "unwind/x64_cache.h"

namespace {

using namespace ntstack;
namespace x64 = unwind::x64;

constexpr std::uint64_t kBase = 0x140000000, kStack = 0x10000;
constexpr std::uint32_t kText = 0x1000, kXdata = 0x2000, kPdata = 0x3000;
constexpr std::size_t kRegistersSize = 20, kTextSize = 256, kXdataSize = 256, kPdataSize = 96;

class OneModule : public unwind::CodeMap {
 public:
  explicit OneModule(const pe::Image& image)
      : module_{kBase, image.size_of_image(), &image, pe::x64::FunctionTable(image)} {}
  const unwind::Module* find(std::uint64_t address) const override {
    return address - module_.base < module_.size ? &module_ : nullptr;
  }

 private:
  unwind::Module module_;
};

// RVAs of a table entry are kept near the sections, so that most entries name something.
tests::ByteWriter function_table(base::Bytes bytes) {
  tests::ByteWriter table;
  for (std::size_t at = 0; at + 6 <= bytes.size(); at += 6) {
    const std::uint32_t begin = kText + bytes.get_or<std::uint16_t>(at, 0) % 0x200u;
    table.add(begin).add(begin + bytes.get_or<std::uint8_t>(at + 2, 0));
    const std::uint32_t unwind = bytes.get_or<std::uint16_t>(at + 3, 0);
    table.add(bytes.get_or<std::uint8_t>(at + 5, 0) == 0 ? unwind : kXdata + unwind % 0x100u);
  }
  return table;
}

// Two bytes a register: an address in the stack, or anything small.
x64::Registers registers_from(base::Bytes bytes) {
  x64::Registers registers;
  for (std::size_t i = 0; i < 16; ++i)
    registers.gpr[i] = kStack + bytes.get_or<std::uint8_t>(i, 0) * 8u;
  registers.rip = kBase + kText + bytes.get_or<std::uint16_t>(16, 0) % 0x200u;
  registers.known = bytes.get_or<std::uint16_t>(18, 0) | (1u << x64::rsp);
  return registers;
}

void require(bool condition) {
  if (!condition) std::abort();
}

void walk(const OneModule& code, const base::ByteSource& memory, x64::Registers registers) {
  x64::RuleCache cache(4);
  bool is_call_site = false;
  for (int i = 0; i < 64; ++i) {
    const auto cold = x64::step(code, memory, registers, is_call_site);
    (void)x64::step(code, memory, registers, is_call_site, &cache);
    const auto warm = x64::step(code, memory, registers, is_call_site, &cache);
    require(cold.has_value() == warm.has_value());
    if (!cold) {
      require(cold.error() == warm.error());
      return;
    }
    require(cold->caller.gpr == warm->caller.gpr && cold->caller.rip == warm->caller.rip);
    require(cold->caller.known == warm->caller.known && cold->machine_frame == warm->machine_frame);
    require(cold->machine_frame || cold->caller.gpr[x64::rsp] > registers.gpr[x64::rsp]);
    registers = cold->caller;
    is_call_site = !cold->machine_frame;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const base::Bytes input(std::as_bytes(std::span(data, size)));
  std::size_t at = 0;
  const auto take = [&](std::size_t wanted) {
    const base::Bytes taken = input.clamp(at, wanted);
    at += wanted;
    return taken;
  };
  const x64::Registers registers = registers_from(take(kRegistersSize));
  tests::ByteWriter text, xdata;
  text.append(take(kTextSize).span()).pad_to(0x200);
  xdata.append(take(kXdataSize).span()).pad_to(0x200);
  const tests::ByteWriter pdata = function_table(take(kPdataSize));
  tests::ImageBuilder builder;
  builder.section(".text", kText, text)
      .section(".xdata", kXdata, xdata)
      .section(".pdata", kPdata, pdata);
  builder.directory(3, kPdata, static_cast<std::uint32_t>(pdata.size()));
  const std::vector<std::byte> file = builder.file();
  const auto image = pe::Image::from_file(base::Bytes(std::span(file)));
  if (!image) return 0;
  const OneModule code(*image);
  const base::Bytes stack = input.clamp(at, 0x2000);
  const base::SegmentSource memory({{kStack, stack}});
  walk(code, memory, registers);
  (void)unwind::scan(code, memory, base::Architecture::x64, kStack, kStack + stack.size());
  return 0;
}
