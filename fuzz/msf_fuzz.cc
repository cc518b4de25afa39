// A PDB's container: every stream that a file claims, whole and in pieces.
#include "base/bytes.h"
#include "pdb/msf.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using ntstack::base::Bytes;
  const Bytes file = Bytes::of(std::span(data, size));
  const auto msf = ntstack::pdb::Msf::open(file);
  if (!msf) return 0;
  for (std::uint32_t i = 0; i < msf->stream_count() && i < 256; ++i) {
    const auto stream = msf->stream(i);
    if (!stream) continue;
    for (std::uint64_t at = 0; at < stream->size(); at += 509) {
      (void)stream->get<std::uint64_t>(at);
      if (stream->range(at, 40).size() > 40) __builtin_trap();
    }
    if (stream->bytes().size() > size) __builtin_trap();
  }
  return 0;
}
