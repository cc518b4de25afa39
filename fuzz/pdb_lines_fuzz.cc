// The subsections of a module's lines (C13): lines of addresses, names of files, inlined functions'
// places, items of other modules; and the annotations of an inline site, which the first half of
// the bytes are.
#include "input.h"
#include "pdb/inline_sites.h"
#include "pdb/lines.h"

using namespace ntstack;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const std::uint8_t annotations_size = input.u8();
  const base::Bytes annotations = input.bytes(annotations_size);
  const auto ranges = pdb::decode_annotations(annotations, {1, 0, 100}, 0x1000);
  fuzz::require(ranges.size() <= annotations.size() + 1u);
  for (const pdb::InlinedRange& range : ranges) fuzz::require(range.begin <= range.end);

  const base::Bytes subsections = input.rest();
  pdb::ModuleLines lines(subsections);
  const pdb::NameTable names(subsections);
  for (std::uint16_t section = 0; section < 3; ++section) {
    for (std::uint32_t offset = 0; offset < 0x800; offset += 0x2b) {
      const auto found = lines.find({section, offset});
      if (!found) continue;
      fuzz::require(found->offset <= offset);
      (void)lines.file_name(found->file, names);
    }
  }
  for (std::uint32_t id = 0x1000; id < 0x1008; ++id) {
    (void)lines.inlinee(id);
    (void)lines.imported(id | 0x80000000);
    (void)lines.exported(id);
  }
  return 0;
}
