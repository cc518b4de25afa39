// A PDB's container: every stream that a file claims, whole and in pieces.
#include "base/bytes.h"
#include "mutate_msf.h"
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

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t most, unsigned seed) {
  return ntstack::fuzz::mutate_msf(data, size, most, seed);
}

extern "C" std::size_t LLVMFuzzerCustomCrossOver(const std::uint8_t* a, std::size_t a_size,
                                                 const std::uint8_t* b, std::size_t b_size,
                                                 std::uint8_t* out, std::size_t most,
                                                 unsigned seed) {
  return ntstack::fuzz::cross_msf({a, a_size}, {b, b_size}, out, most, seed);
}

extern "C" bool LLVMFuzzerDoor(const std::uint8_t* data, std::size_t size) {
  return ntstack::pdb::Msf::open(ntstack::base::Bytes::of(std::span(data, size))).has_value();
}
