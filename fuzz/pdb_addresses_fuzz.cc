// The tables of a PDB that go by address: section headers with OMAPs, section contributions, FPO
// and frame data. The first byte says which the rest is.
#include "input.h"
#include "pdb/address_map.h"
#include "pdb/contributions.h"
#include "pdb/frames.h"

using namespace ntstack;

namespace {

void look_at_map(fuzz::Input& input) {
  const std::uint8_t sections = input.u8(), to = input.u8();
  const base::Bytes headers = input.bytes(sections * 40u % 1000), to_source = input.bytes(to * 8u);
  const pdb::AddressMap map(headers, pdb::Omap(to_source), pdb::Omap(input.rest()));
  for (std::uint32_t rva = 0; rva < 0x8000; rva += 0x3fb) {
    (void)map.source_of(rva);
    (void)map.image_of(rva);
    if (const auto place = map.locate(rva))
      if (const auto back = map.source_rva(*place)) fuzz::require(*back == rva);
    (void)map.rva({static_cast<std::uint16_t>(rva >> 12), rva & 0xfff});
  }
}

void look_at_contributions(base::Bytes substream) {
  const pdb::Contributions all(substream);
  fuzz::require(all.size() <= substream.size());
  for (std::uint32_t i = 0; i < all.size() && i < 64; ++i) {
    const pdb::Contribution each = all.at(i);
    const auto found = all.find(each.section, each.offset);
    if (found) fuzz::require(found->section == each.section && found->offset <= each.offset);
  }
  (void)all.find(1, UINT32_MAX);
}

void look_at_frames(base::Bytes stream) {
  const pdb::FrameRecords fpo = pdb::fpo_records(stream), frames = pdb::frame_data_records(stream);
  const pdb::NameTable names(stream);
  fuzz::require(fpo.size() <= stream.size() && frames.size() <= stream.size());
  for (std::uint32_t rva = 0; rva < 0x4000; rva += 0x91) {
    (void)pdb::decode_fpo(fpo.find(rva));
    (void)pdb::decode_frame_data(frames.find(rva), names);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  switch (input.u8() % 3) {
    case 0:
      look_at_map(input);
      break;
    case 1:
      look_at_contributions(input.rest());
      break;
    default:
      look_at_frames(input.rest());
  }
  return 0;
}
