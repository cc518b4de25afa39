#include "dump/dump.h"

#include "base/text.h"
#include "dump/header.h"
#include "dump/minidump.h"
#include "dump/sniff.h"
#include "dump/triage.h"

namespace ntstack::dump {

namespace {

base::Result<Dump> parse_kernel_dump(base::Bytes file) {
  auto header = read_kernel_header(file);
  if (!header) return std::unexpected(std::move(header.error()));
  if ((header->attributes & attribute_encrypted) != 0 &&
      (header->attributes & attribute_decrypted) == 0) {
    return base::fail(
        "an encrypted kernel dump: decrypt it first, with KDumpDecrypt of the Windows debugging "
        "tools and the private key that the machine's administrator holds");
  }
  if (header->dump_type == static_cast<std::uint32_t>(DumpType::triage)) {
    return parse_triage(file, *header);
  }
  return base::fail("{}: this kind is not supported yet, only triage dumps (type 4) are",
                    text_of_dump_type(header->dump_type));
}

}  // namespace

std::string_view name_of(Kind kind) {
  switch (kind) {
    case Kind::triage:
      return "triage";
    case Kind::minidump:
      return "minidump";
  }
  return "unknown";
}

base::Result<Dump> parse(base::Bytes file) {
  if (is_kernel_dump(file)) return parse_kernel_dump(file);
  if (is_minidump(file)) return parse_minidump(file);
  return std::unexpected(base::Error{text_of_other_file(file), {}});
}

base::Result<Dump> open(const std::filesystem::path& path) {
  auto file = base::MappedFile::open(path);
  if (!file) return std::unexpected(std::move(file.error()));
  auto dump = parse(file->bytes());
  if (!dump) {
    return base::with_context(std::move(dump.error()), "opening {}", base::path_text(path));
  }
  dump->file = std::move(*file);
  return dump;
}

}  // namespace ntstack::dump
