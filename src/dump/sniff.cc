#include "dump/sniff.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "base/text.h"

namespace ntstack::dump {

namespace {

struct Magic {
  std::string_view bytes;
  std::string_view text;
};

using namespace std::string_view_literals;

constexpr std::string_view unpack = ": unpack it and give the dump that is inside";
constexpr std::array packed{
    Magic{"PK\x03\x04"sv, "a zip archive"},
    Magic{"PK\x05\x06"sv, "an empty zip archive"},
    Magic{"MSCF"sv, "a cabinet (CAB) archive"},
    Magic{"7z\xbc\xaf\x27\x1c"sv, "a 7z archive"},
    Magic{"\x1f\x8b"sv, "a gzip file"},
    Magic{"\xfd"
          "7zXZ\0"sv,
          "an xz file"},
    Magic{"\x28\xb5\x2f\xfd"sv, "a zstd file"},
    Magic{"BZh"sv, "a bzip2 file"},
    Magic{"Rar!"sv, "a RAR archive"},
};

constexpr std::array others{
    Magic{"USERDU64"sv,
          "a user dump of the old kind (USERDUMP), which is not supported; "
          "write a minidump instead"},
    Magic{"USERDUMP"sv,
          "a user dump of the old kind (USERDUMP), which is not supported; "
          "write a minidump instead"},
    Magic{"KDUMP   "sv,
          "a compressed kdump file, which is not supported: let QEMU write it without -z, -l and "
          "-s"},
    Magic{"LibvirtQemudSave"sv,
          "a saved machine of libvirt, which is not supported: use virsh dump --memory-only"},
    Magic{"QEVM"sv, "a saved machine of QEMU, which is not supported: use dump-guest-memory"},
    Magic{"HIBR"sv, "a hibernation file, which is not supported yet"},
    Magic{"hibr"sv, "a hibernation file, which is not supported yet"},
    Magic{"Microsoft C/C++ MSF 7.00"sv,
          "a PDB (symbols), no dump: give it through the symbol path"},
    Magic{"MZ"sv, "a program, DLL or driver, no dump: give it through the image path"},
};

bool begins_with(base::Bytes file, std::string_view magic) {
  const auto begin = file.clamp(0, magic.size()).span();
  return std::ranges::equal(begin, std::as_bytes(std::span(magic)));
}

bool is_text(base::Bytes file) {
  const auto begin = file.clamp(0, 512).span();
  return std::ranges::all_of(begin, [](std::byte value) {
    const auto c = std::to_integer<unsigned char>(value);
    return c >= 0x20 || c == '\t' || c == '\n' || c == '\r' || c == '\f';
  });
}

bool is_html(base::Bytes file) {
  std::string text = base::lower(file.text(0, 512));
  text.erase(0, std::min(text.find('<'), text.size()));
  return text.starts_with("<!doctype html") || text.starts_with("<html") ||
         text.find("<html") != std::string::npos;
}

}  // namespace

bool is_known_other_file(base::Bytes file) {
  const auto fits = [&](const Magic& magic) { return begins_with(file, magic.bytes); };
  return std::ranges::any_of(packed, fits) || std::ranges::any_of(others, fits);
}

std::string first_bytes(base::Bytes bytes) {
  std::string text;
  for (const std::byte value : bytes.clamp(0, 8).span()) {
    text += fmt::format("{}{:02x}", text.empty() ? "" : " ", std::to_integer<unsigned>(value));
  }
  return text.empty() ? "nothing" : text;
}

std::string text_of_other_file(base::Bytes file) {
  if (file.empty()) return "an empty file (0 bytes): copy the dump again from where it was written";
  for (const Magic& magic : packed) {
    if (begins_with(file, magic.bytes)) return fmt::format("{}{}", magic.text, unpack);
  }
  for (const Magic& magic : others) {
    if (begins_with(file, magic.bytes)) return std::string(magic.text);
  }
  if (file.size() < 8) {
    return fmt::format(
        "a file of {} bytes, too short to be a dump: copy it again from where it was written",
        file.size());
  }
  if (begins_with(file, "PAGE"sv)) {
    return fmt::format(
        "a damaged kernel dump: it begins with {}, and not with PAGEDU64 or PAGEDUMP",
        first_bytes(file));
  }
  if (std::ranges::all_of(file.clamp(0, 4096).span(),
                          [](std::byte b) { return b == std::byte{}; })) {
    return "a file that begins with zeros: a dump that was not written, or not copied wholly";
  }
  if (is_text(file)) {
    return is_html(file) ? "a web page (HTML), no dump: it may be what a failed download left"
                         : "a text file, no dump";
  }
  return fmt::format(
      "no dump that is understood: it begins with {} (a kernel dump begins with "
      "PAGEDU64 or PAGEDUMP, a minidump with MDMP), and it does not look like a machine's memory",
      first_bytes(file));
}

}  // namespace ntstack::dump
