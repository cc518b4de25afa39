// Parses any bytes as a dump, and reads all that comes of it: records, memory, tagged data.
#include <cstdio>
#include <cstdlib>

#include "dump/dump_exercise.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ntstack::base::Bytes file(std::as_bytes(std::span(data, size)));
  const std::string complaint = ntstack::dump::building::complaint_about(file);
  if (!complaint.empty()) {
    std::fprintf(stderr, "%s\n", complaint.c_str());
    std::abort();
  }
  return 0;
}
