// Any bytes as an image in a dump's memory: names for addresses in it, and addresses for names.
#include <cstdint>
#include <cstdlib>

#include "base/byte_source.h"
#include "base/text.h"
#include "mutate_pe.h"
#include "symbols/symbolizer.h"

using namespace ntstack;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::uint64_t base_address = 0xfffff80000000000;
  const base::Bytes bytes = base::Bytes::of(std::span(data, size));
  const base::SegmentSource memory({{base_address, bytes}});
  std::vector<symbols::ModuleKey> modules(2);
  modules[0].name = std::string(bytes.text(0, 30));
  modules[0].base = base_address;
  modules[0].size = bytes.get_or<std::uint64_t>(8, 0x10000);
  modules[0].timestamp = bytes.get_or<std::uint32_t>(16, 0);
  modules[1] = modules[0];
  modules[1].base = bytes.get_or<std::uint64_t>(24, 0);
  symbols::Symbolizer symbolizer(std::move(modules), {{}, {}, &memory});
  for (std::uint64_t offset = 0; offset < 0x4000; offset += 0x333) {
    for (const bool is_call_site : {false, true}) {
      const symbols::Frames& frames = symbolizer.name(base_address + offset, is_call_site);
      const std::string text = frames.function.text();
      if (text.empty() || base::printable(text) != text) std::abort();
    }
  }
  static_cast<void>(symbolizer.address_of("nt!f"));
  static_cast<void>(symbolizer.address_of(std::string(bytes.text(0, 30))));
  for (const symbols::Missing& missing : symbolizer.missing()) {
    if (base::printable(missing.remedy) != missing.remedy) std::abort();
  }
  return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t most, unsigned seed) {
  return ntstack::fuzz::mutate_pe(data, size, most, seed, true);
}

extern "C" bool LLVMFuzzerDoor(const std::uint8_t* data, std::size_t size) {
  const ntstack::base::SegmentSource memory(
      {{0x10000, ntstack::base::Bytes::of(std::span(data, size))}});
  return ntstack::pe::Image::from_memory(memory, 0x10000).has_value();
}
