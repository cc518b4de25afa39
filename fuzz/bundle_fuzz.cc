// capture.json of strangers.
#include <cstdint>
#include <cstdlib>

#include "dump/bundle.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ntstack;
  const auto bundle = dump::parse_bundle(base::Bytes(std::as_bytes(std::span(data, size))));
  if (!bundle) return 0;
  for (const dump::BundleFile& file : bundle->files)
    if (!dump::is_plain_file_name(file.name)) std::abort();
  // What is written of it is read again, and the same.
  const std::string json = dump::bundle_json(*bundle);
  const auto again = dump::parse_bundle(base::Bytes::of(json));
  if (!again || dump::bundle_json(*again) != json) std::abort();
  return 0;
}
