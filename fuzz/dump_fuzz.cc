// Parses any bytes as a dump, and reads all that comes of it: records, memory, tagged data.
#include <cstdio>
#include <cstdlib>

#include "dump/dump_exercise.h"
#include "mutate_dump.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ntstack::base::Bytes file(std::as_bytes(std::span(data, size)));
  const std::string complaint = ntstack::dump::building::complaint_about(file);
  if (!complaint.empty()) {
    std::fprintf(stderr, "%s\n", complaint.c_str());
    std::abort();
  }
  return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t most, unsigned seed) {
  return ntstack::fuzz::mutate_dump(data, size, most, seed);
}

extern "C" bool LLVMFuzzerDoor(const std::uint8_t* data, std::size_t size) {
  return ntstack::dump::parse(ntstack::base::Bytes::of(std::span(data, size))).has_value();
}
