// ARM64 unwind data and steps: the input is the function table, the .xdata and the stack, or a
// whole image. Every step with a cache equals the one without; steps end, and the stack grows but
// through LR once or across a frame that no call made.
#include <cstdlib>

#include "image_builder.h"
#include "pe/image.h"
#include "unwind/arm64.h"
#include "unwind/arm64_cache.h"

namespace {

using namespace ntstack;
namespace arm64 = unwind::arm64;
namespace pdata = pe::arm64;

constexpr std::uint64_t kBase = 0x140000000, kStack = 0x10000;
constexpr std::uint32_t kText = 0x1000, kXdata = 0x2000, kPdata = 0x3000;

void require(bool condition) {
  if (!condition) std::abort();
}

class OneModule : public unwind::CodeMap {
 public:
  explicit OneModule(const pe::Image& image)
      : module_{kBase, image.size_of_image(), &image, pdata::FunctionTable(image)} {}
  const unwind::Module* find(std::uint64_t address) const override {
    return address - module_.base < module_.size ? &module_ : nullptr;
  }
  const pe::Image& image() const { return *module_.image; }
  const pdata::FunctionTable& functions() const {
    return std::get<pdata::FunctionTable>(module_.functions);
  }

 private:
  unwind::Module module_;
};

// The raw view and the decoded info agree; an epilogue holds its own start.
void check_info(const pe::Image& image, const pdata::RuntimeFunction& function) {
  const auto info = pdata::decode(image, function);
  pdata::UnwindScratch scratch;
  const auto raw = pdata::raw_unwind_info(image, function, scratch);
  require(raw.has_value() || !info.has_value());
  if (!raw) return;
  pdata::CodeReader codes(raw->codes);
  std::size_t bytes = 0;
  while (const auto code = codes.next()) bytes += code->size;
  require(bytes <= raw->codes.size() && bytes <= pdata::UnwindScratch::largest);
  for (std::uint32_t offset = 0; offset < 0x100; offset += 4) {
    const auto epilog = pdata::epilog_at(image, *raw, offset);
    require(!epilog || epilog->start <= offset);
  }
}

void look_at(const pe::Image& image) {
  const pdata::FunctionTable table(image);
  for (std::size_t i = 0; i < std::min<std::size_t>(table.size(), 64); ++i) {
    const auto entry = table.at(i);
    if (!entry) continue;
    static_cast<void>(table.find(entry->begin));
    check_info(image, *entry);
  }
}

using Result = std::expected<arm64::Step, arm64::StepError>;

// A step without a cache, with one that learns it, and with one that knows it.
Result step(const OneModule& code, const base::ByteSource& memory,
            const arm64::Registers& registers, bool is_call_site, arm64::RuleCache& cache) {
  const Result found = arm64::step(code, memory, registers, is_call_site);
  for (int time = 0; time < 2; ++time)
    require(arm64::step(code, memory, registers, is_call_site, &cache) == found);
  return found;
}

void walk(const OneModule& code, const base::ByteSource& memory, arm64::Registers registers,
          arm64::RuleCache& cache) {
  bool is_call_site = false;
  for (int i = 0; i < 64; ++i) {
    const Result found = step(code, memory, registers, is_call_site, cache);
    if (!found) return;
    const arm64::Registers& caller = found->caller;
    const bool crossed = found->trust == unwind::Trust::trap_frame || !found->is_call_site;
    require(crossed || caller.sp > registers.sp || registers.sp_is_bound ||
            (caller.sp == registers.sp && (registers.known >> arm64::lr & 1) != 0));
    require(crossed || (caller.known >> arm64::lr & 1) == 0);
    registers = caller;
    is_call_site = found->is_call_site;
    // Most values are no address of the module; the walk goes on all the same.
    if (!code.find(registers.pc)) registers.pc = kBase + kText + (registers.pc & 0xffc);
  }
}

// The first instructions of functions and the last, in either way to be at them.
void step_everywhere(const OneModule& code, const base::ByteSource& memory,
                     arm64::Registers registers, arm64::RuleCache& cache) {
  const std::size_t count = std::min<std::size_t>(code.functions().size(), 4);
  for (std::size_t i = 0; i < count; ++i) {
    const auto function = code.functions().at(i);
    if (!function) continue;
    const std::uint32_t length = pdata::length_of(code.image(), *function).value_or(0);
    for (std::uint32_t offset = 0; offset < length; offset += 4) {
      if (offset == 32 && length > 64) offset = length - 32;
      registers.pc = kBase + function->begin + offset;
      static_cast<void>(step(code, memory, registers, false, cache));
      registers.pc += 4;
      static_cast<void>(step(code, memory, registers, true, cache));
    }
  }
}

// Places of entries are kept near the sections, so that most name something.
tests::ByteWriter function_table(base::Bytes bytes) {
  tests::ByteWriter table;
  for (std::size_t at = 0; at + 6 <= bytes.size(); at += 6) {
    const auto word = bytes.get_or<std::uint32_t>(at + 2, 0);
    table.add(kText + bytes.get_or<std::uint16_t>(at, 0) % 0x200u * 4u);
    table.add((word & 3) == 0 ? kXdata + (word >> 2) % 0x80u * 4u : word);
  }
  return table;
}

arm64::Registers registers_from(base::Bytes bytes) {
  arm64::Registers registers;
  for (std::size_t i = 0; i < 31; ++i)
    registers.x[i] = kStack + bytes.get_or<std::uint8_t>(i, 0) * 8u;
  registers.sp = kStack + bytes.get_or<std::uint8_t>(31, 0) * 8u;
  registers.pc = kBase + kText + bytes.get_or<std::uint16_t>(32, 0) % 0x400u * 4u;
  const auto known = bytes.get_or<std::uint32_t>(34, 0);
  registers.known = known & 0x7fffffff;
  registers.sp_is_bound = known >> 31 != 0;
  return registers;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const base::Bytes input(std::as_bytes(std::span(data, size)));
  arm64::RuleCache cache(4);
  if (const auto whole = pe::Image::from_file(input)) {
    look_at(*whole);
    const base::SegmentSource memory({{kStack, input.clamp(0, 0x800)}});
    step_everywhere(OneModule(*whole), memory, registers_from(input), cache);
    return 0;
  }
  std::size_t at = 0;
  const auto take = [&](std::size_t wanted) {
    const base::Bytes taken = input.clamp(at, wanted);
    at += wanted;
    return taken;
  };
  const arm64::Registers registers = registers_from(take(38));
  tests::ByteWriter xdata;
  xdata.append(take(512).span()).pad_to(0x200);
  const tests::ByteWriter table = function_table(take(96));
  tests::ImageBuilder builder;
  builder.machine = 0xaa64;
  builder.section(".text", kText, tests::ByteWriter().pad_to(0x1000))
      .section(".xdata", kXdata, xdata)
      .section(".pdata", kPdata, table);
  builder.directory(3, kPdata, static_cast<std::uint32_t>(table.size()));
  const std::vector<std::byte> file = builder.file();
  const auto image = pe::Image::from_file(base::Bytes(std::span(file)));
  if (!image) return 0;
  look_at(*image);
  const OneModule code(*image);
  const base::SegmentSource memory({{kStack, input.clamp(at, 0x2000)}});
  step_everywhere(code, memory, registers, cache);
  walk(code, memory, registers, cache);
  return 0;
}
