#include "dump/dump.h"

#include "base/text.h"
#include "dump/bitmap.h"
#include "dump/elf_core.h"
#include "dump/full.h"
#include "dump/header.h"
#include "dump/lime.h"
#include "dump/minidump.h"
#include "dump/raw.h"
#include "dump/rdmp.h"
#include "dump/sniff.h"
#include "dump/triage.h"
#include "dump/vmware.h"

namespace ntstack::dump {

namespace {

base::Result<Dump> parse_by_type(base::Bytes file, const KernelHeader& header) {
  switch (static_cast<DumpType>(header.dump_type)) {
    case DumpType::triage:
      return parse_triage(file, header);
    case DumpType::full:
      return parse_full(file, header);
    case DumpType::summary:
    case DumpType::bitmap_full:
    case DumpType::bitmap_kernel:
    case DumpType::automatic:
      return parse_bitmap(file, header);
    case DumpType::live_kernel:
    case DumpType::live_kernel_and_user:
    case DumpType::live_full:
      return parse_rdmp(file, header);
    case DumpType::header:
      return base::fail("{}: it holds no memory; copy the dump itself",
                        text_of_dump_type(header.dump_type));
  }
  // A kind of the future may still hold what is known.
  if (has_bitmap(file, header)) return parse_bitmap(file, header);
  if (has_rdmp(file, header)) return parse_rdmp(file, header);
  return base::fail(
      "{}, and behind its header stands {}, which is nothing that is understood (SDMP, FDMP and "
      "RDMP are)",
      text_of_dump_type(header.dump_type), first_bytes(file.clamp(header.size)));
}

base::Result<Dump> parse_kernel_dump(base::Bytes file) {
  auto header = read_kernel_header(file);
  if (!header) return std::unexpected(std::move(header.error()));
  if ((header->attributes & attribute_encrypted) != 0 &&
      (header->attributes & attribute_decrypted) == 0) {
    return base::fail(
        "an encrypted kernel dump: decrypt it first, with KDumpDecrypt of the Windows debugging "
        "tools and the private key that the machine's administrator holds");
  }
  return parse_by_type(file, *header);
}

// The other file of a VMware machine: same name, another ending. Nothing where none is there.
std::optional<base::MappedFile> companion_of(const std::filesystem::path& path,
                                             std::initializer_list<const char*> endings) {
  for (const char* ending : endings) {
    auto file = base::MappedFile::open(std::filesystem::path(path).replace_extension(ending));
    if (file) return std::move(*file);
  }
  return std::nullopt;
}

// Above this, x86 machines have a hole for devices, which a .vmem leaves out; only the state beside
// it tells where.
constexpr std::uint64_t end_of_plain_vmem = 0xc0000000;

// A .vmem has no header: it is known by its name, and read by the state beside it.
base::Result<Dump> parse_vmem(base::Bytes memory, const std::filesystem::path& path) {
  auto state = companion_of(path, {".vmss", ".vmsn"});
  if (state && is_vmware_state(state->bytes())) {
    auto dump = parse_vmware(state->bytes(), memory);
    if (dump) dump->companion = std::move(state);
    return dump;
  }
  if (memory.size() > end_of_plain_vmem) {
    return base::fail(
        "VMware memory of more than 3 GB without its state: put the .vmss or .vmsn file of the "
        "same name beside it");
  }
  auto dump = parse(memory);
  if (dump && dump->kind == Kind::raw) {
    dump->warnings.push_back(
        "no .vmss or .vmsn file of the same name is beside this VMware memory: processors' "
        "registers are not known");
  }
  return dump;
}

base::Result<Dump> parse_named(base::Bytes file, const std::filesystem::path& path) {
  if (is_vmware_state(file)) {
    auto memory = companion_of(path, {".vmem"});
    auto dump = parse_vmware(file, memory ? memory->bytes() : base::Bytes());
    if (dump) dump->companion = std::move(memory);
    return dump;
  }
  if (base::lower(base::path_text(path.extension())) == ".vmem") return parse_vmem(file, path);
  return parse(file);
}

}  // namespace

std::string_view name_of(Kind kind) {
  switch (kind) {
    case Kind::triage:
      return "triage";
    case Kind::minidump:
      return "minidump";
    case Kind::kernel_stacks:
      return "kernel_stacks";
    case Kind::full:
      return "full";
    case Kind::summary:
      return "summary";
    case Kind::bitmap:
      return "bitmap";
    case Kind::rdmp:
      return "rdmp";
    case Kind::elf:
      return "elf";
    case Kind::lime:
      return "lime";
    case Kind::vmware:
      return "vmware";
    case Kind::raw:
      return "raw";
  }
  return "unknown";
}

base::Result<Dump> parse(base::Bytes file) {
  if (is_kernel_dump(file)) return parse_kernel_dump(file);
  if (is_minidump(file)) return parse_minidump(file);
  if (is_elf(file)) return parse_elf_core(file);
  if (is_lime(file)) return parse_lime(file);
  if (is_vmware_state(file)) return parse_vmware(file, {});
  if (is_known_other_file(file)) return std::unexpected(base::Error{text_of_other_file(file), {}});
  if (auto dump = parse_raw(file)) return std::move(*dump);
  return std::unexpected(base::Error{text_of_other_file(file), {}});
}

base::Result<Dump> open(const std::filesystem::path& path) {
  auto file = base::MappedFile::open(path);
  if (!file) return std::unexpected(std::move(file.error()));
  auto dump = parse_named(file->bytes(), path);
  if (!dump) {
    return base::with_context(std::move(dump.error()), "opening {}", base::path_text(path));
  }
  dump->file = std::move(*file);
  return dump;
}

}  // namespace ntstack::dump
