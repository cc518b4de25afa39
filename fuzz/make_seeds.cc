// Writes the fuzz targets' first inputs: from what the tests' builders build and from the samples,
// which the world made. scripts/make-fuzz-seeds.sh runs it.
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "base/mapped_file.h"
#include "base/text.h"
#include "capture/native_layout.h"
#include "dump/dump_samples.h"
#include "image_builder.h"
#include "memory/page_tables.h"
#include "pdb/dbi.h"
#include "pdb/info_stream.h"
#include "pdb/msf.h"
#include "pdb/pdb_builder.h"
#include "pdb/symbol_records.h"
#include "pdb/type_records.h"
#include "pe/image.h"
#include "target/kernel/kernel_builder.h"

namespace {

using namespace ntstack;
using pdb::testing::Blob;
namespace fs = std::filesystem;

constexpr std::size_t kLargest = 24 * 1024;

class Seeds {
 public:
  explicit Seeds(fs::path corpus) : corpus_(std::move(corpus)) {}
  void write(std::string_view target, std::string_view name, base::Bytes bytes) const {
    const fs::path folder = corpus_ / target;
    fs::create_directories(folder);
    std::ofstream file(folder / name, std::ios::binary);
    file.write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
  }
  void write(std::string_view target, std::string_view name, const Blob& blob) const {
    write(target, name, blob.bytes());
  }
  void text(std::string_view target, std::string_view name, std::string_view text) const {
    write(target, name, base::Bytes::of(text));
  }

 private:
  fs::path corpus_;
};

Blob blob_of(base::Bytes bytes) {
  Blob blob;
  for (const std::byte each : bytes.span()) blob.put(each);
  return blob;
}
Blob part(base::Bytes bytes, std::size_t most = kLargest) { return blob_of(bytes.clamp(0, most)); }

std::string stem_of(const fs::path& path) { return base::path_text(path.stem()); }

// Streams of a sample's PDB, each for the target that reads its like.
void streams_of(const Seeds& seeds, const std::string& name, base::Bytes file) {
  const auto msf = pdb::Msf::open(file);
  if (!msf) return;
  const auto stream = [&](std::uint32_t index) {
    const auto found = msf->stream(index);
    return found ? found->bytes() : base::Bytes();
  };
  seeds.write("pdb_info", name + "_info", Blob().u8(0).add(part(stream(1))));
  seeds.write("pdb_info", name + "_dbi", Blob().u8(1).add(part(stream(3))));
  const auto info = pdb::read_info_stream(stream(1));
  if (info)
    if (const auto names = info->stream_named("/names"))
      seeds.write("pdb_info", name + "_names", Blob().u8(3).add(part(stream(*names), 2048)));
  const Blob types = part(stream(2), 12 * 1024), items = part(stream(4), 8 * 1024);
  const auto types_size = static_cast<std::uint32_t>(types.size());
  seeds.write("pdb_types", name, Blob().u16(types_size).u16(0).add(types).add(items));
  const auto dbi = pdb::read_dbi(stream(3));
  if (!dbi) return;
  const Blob publics = part(stream(dbi->publics_stream), 8 * 1024);
  seeds.write("pdb_globals", name + "_publics",
              Blob()
                  .u16(static_cast<std::uint32_t>(publics.size()))
                  .add(publics)
                  .add(part(stream(dbi->symbols_stream), 8 * 1024)));
  seeds.write("pdb_addresses", name + "_contributions",
              Blob().u8(1).add(part(dbi->contributions, 2048)));
  const Blob sections = part(stream(dbi->stream_of(pdb::DebugStream::section_headers)), 960);
  seeds.write(
      "pdb_addresses", name + "_sections",
      Blob().u8(0).u8(static_cast<std::uint32_t>(sections.size() / 40)).u8(0).add(sections));
  std::size_t modules = 0;
  for (const pdb::ModuleEntry& module : pdb::read_modules(dbi->modules)) {
    const base::Bytes whole = stream(module.stream);
    if (whole.size() > kLargest || module.symbols_size > 0xffff || module.c13_size == 0) continue;
    if (++modules > 2) break;
    const base::Bytes lines = whole.clamp(module.symbols_size + module.c11_size, module.c13_size);
    seeds.write("pdb_module", name + std::to_string(modules),
                Blob()
                    .u16(module.symbols_size)
                    .add(blob_of(whole.clamp(0, module.symbols_size)))
                    .add(blob_of(lines)));
    seeds.write("pdb_lines", name + std::to_string(modules), Blob().u8(0).add(blob_of(lines)));
  }
}

// What the samples' PDBs have nothing of.
void built_streams(const Seeds& seeds) {
  using namespace pdb;
  using pdb::testing::record;
  seeds.write("pdb_lines", "annotations",
              Blob().u8(11).u8(6).u8(8).u8(12).u8(5).u8(4).u8(6).u8(4).u8(12).u8(5).u8(9).u8(0));
  seeds.write("pdb_addresses", "omap",
              Blob()
                  .u8(0)
                  .u8(1)
                  .u8(2)
                  .add(pdb::testing::section_header(0x1000, 0x2000))
                  .u32(0x1000)
                  .u32(0x1800)
                  .u32(0x1400)
                  .u32(0)
                  .u32(0x1800)
                  .u32(0x1000));
  Blob frames;
  for (std::uint32_t i = 0; i < 4; ++i)
    frames.u32(0x1000 + i * 0x40).u32(0x40).u32(8).u32(4).u32(0).u32(1).u16(3).u16(4).u32(4);
  seeds.write("pdb_addresses", "frames", Blob().u8(2).add(frames));
  Blob inlined;
  inlined.u32(0).u32(0).u32(0x1000).u8(12).u8(0x20).u8(16);
  Blob local;
  local.u32(0x74).u16(1).text("n");
  const Blob inside =
      Blob()
          .add(record(S_INLINESITE, inlined))
          .add(record(0x113e, local))
          .add(record(0x1144, Blob().u32(16)))
          .add(record(S_INLINESITE_END, {}))
          .add(record(0x1012, Blob().u32(120).zeros(8).u32(8).zeros(6).u32(9 << 14)))
          .add(record(S_END, {}));
  const Blob procedure = pdb::testing::procedure_record(
      0x10, 0x80, "f", static_cast<std::uint32_t>(4 + 0x28 + inside.size()));
  const Blob symbols = Blob().u32(4).add(procedure).add(inside);
  seeds.write("pdb_module", "inlined_with_locals",
              Blob()
                  .u16(static_cast<std::uint32_t>(symbols.size()))
                  .add(symbols)
                  .add(pdb::testing::lines_subsection(0x10, 0x80, 0, {{0, 7}, {4, 8}})));
  const Blob members = Blob().u16(LF_MEMBER).u16(3).u32(0x74).u16(4).text("m");
  const std::vector<Blob> records = {
      record(LF_FIELDLIST, members),
      record(LF_STRUCTURE, Blob().u16(1).u16(0).u32(0x1000).u32(0).u32(0).u16(8).text("_KTHREAD")),
      record(LF_POINTER, Blob().u32(0x1001).u32(0x1000c)),
      record(LF_ARRAY, Blob().u32(0x1002).u32(0x23).u16(40).text("")),
      record(LF_BITFIELD, Blob().u32(0x22).u8(3).u8(4)),
      record(LF_ARGLIST, Blob().u32(2).u32(0x1002).u32(0x74)),
      record(LF_PROCEDURE, Blob().u32(0x1003).u16(0).u16(2).u32(0x1005)),
      record(LF_ENUM, Blob().u16(0).u16(0).u32(0x20).u32(0).text("e"))};
  const Blob types = pdb::testing::type_stream(records);
  const Blob items =
      pdb::testing::type_stream({record(LF_STRING_ID, Blob().u32(0).text("ns::inner")),
                                 record(LF_FUNC_ID, Blob().u32(0x1000).u32(0).text("f")),
                                 record(LF_MFUNC_ID, Blob().u32(0x1001).u32(0).text("method"))});
  const auto types_size = static_cast<std::uint32_t>(types.size());
  seeds.write("pdb_types", "every_kind", Blob().u16(types_size).u16(0).add(types).add(items));
}

void image_seeds(const Seeds& seeds, const std::string& name, base::Bytes file) {
  const auto image = pe::Image::from_file(file);
  if (!image || file.size() > kLargest) return;
  seeds.write("pe", name, file);
  std::vector<std::byte> loaded(std::min<std::size_t>(image->size_of_image(), kLargest));
  const pe::ImagePages pages(*image, 0);
  for (std::size_t at = 0; at < loaded.size(); at += 0x1000)
    (void)pages.read(
        at, std::span(loaded).subspan(at, std::min<std::size_t>(0x1000, loaded.size() - at)));
  seeds.write("symbolizer", name, base::Bytes(std::span<const std::byte>(loaded)));
  for (const pe::Section& section : image->sections()) {
    if (!section.executable()) continue;
    const base::Bytes code = file.clamp(section.file_offset, section.file_size);
    seeds.write("prologue", name, code.clamp(0, 256));
    for (std::size_t i = 0; i < 4; ++i)
      seeds.write("code", name + std::to_string(i), code.clamp(i * 64, 16));
  }
}

// Tables of an image, at the RVA that the target puts its section to.
void table_seeds(const Seeds& seeds) {
  constexpr std::uint32_t at = 0x1000;
  tests::ByteWriter exports;
  exports.put<std::uint32_t>(12, at + 0x80).put<std::uint32_t>(16, 5);
  exports.put<std::uint32_t>(20, 2).put<std::uint32_t>(24, 2);
  exports.put<std::uint32_t>(28, at + 0x30).put<std::uint32_t>(32, at + 0x40);
  exports.put<std::uint32_t>(36, at + 0x50).put<std::uint32_t>(0x30, at + 4);
  exports.put<std::uint32_t>(0x34, at + 8).put<std::uint32_t>(0x40, at + 0x60);
  exports.put<std::uint32_t>(0x44, at + 0x68).put<std::uint32_t>(0x50, 0x10000);
  exports.pad_to(0x60).text("alpha").pad_to(0x68).text("beta").pad_to(0x80).text("a.sys");
  tests::ByteWriter imports;
  imports.u32({at + 0x40, 0, 0, at + 0x80, at + 0x60}).pad_to(0x40);
  imports.add<std::uint64_t>(at + 0x90).add<std::uint64_t>(0x8000000000000011).pad_to(0x80);
  imports.text("nt.exe").pad_to(0x90).add<std::uint16_t>(0).text("ZwClose");
  tests::ByteWriter delayed;
  delayed.u32({1, at + 0x80, 0, at + 0x60, at + 0x40, 0, 0, 0}).pad_to(0x40);
  delayed.add<std::uint64_t>(at + 0x90).pad_to(0x80).text("nt.exe").pad_to(0x90);
  delayed.add<std::uint16_t>(0).text("ZwClose");
  tests::ByteWriter relocations;
  relocations.u32({at, 16}).add<std::uint16_t>(0xa008).add<std::uint16_t>(0x3010);
  relocations.add<std::uint16_t>(0xa020).add<std::uint16_t>(0);
  tests::ByteWriter debug;
  debug.u32({0, 0, 0, 2, 0x20, at + 0x1c, 0x41c}).text("RSDS").pad_to(0x1c);
  debug.put<std::uint32_t>(0x1c, 0x53445352).put<std::uint32_t>(0x30, 1).pad_to(0x34).text("a.pdb");
  const std::pair<const char*, const tests::ByteWriter*> tables[] = {{"exports", &exports},
                                                                     {"imports", &imports},
                                                                     {"relocations", &relocations},
                                                                     {"debug", &debug},
                                                                     {"delayed", &delayed}};
  for (std::uint8_t i = 0; i < 5; ++i)
    seeds.write("pe_tables", tables[i].first, Blob().u8(i).add(blob_of(tables[i].second->view())));
}

// Many descriptors that share their slots and names: little that would become much.
void shared_import_seed(const Seeds& seeds) {
  constexpr std::uint32_t at = 0x1000, descriptors = 600, slots = 1000;
  constexpr std::uint32_t names = descriptors * 20 + 20, dll = names + slots * 8 + 8;
  tests::ByteWriter imports;
  for (std::uint32_t i = 0; i < descriptors; ++i)
    imports.u32({at + names, 0, 0, at + dll, at + names});
  imports.pad_to(names);
  for (std::uint32_t i = 0; i < slots; ++i) imports.add<std::uint64_t>(at + dll);
  imports.pad_to(dll).text(std::string(400, 'n'));
  seeds.write("pe_tables", "imports_shared", Blob().u8(1).add(blob_of(imports.view())));
}

void page_table_seeds(const Seeds& seeds) {
  using memory::Paging;
  constexpr std::pair<Paging, const char*> kinds[] = {{Paging::x86, "x86"},
                                                      {Paging::x86_pae, "x86_pae"},
                                                      {Paging::x64, "x64"},
                                                      {Paging::arm64, "arm64"}};
  for (const auto& [paging, name] : kinds) {
    target::building::KernelBuilder kernel(paging);
    const std::uint64_t high = kernel.is_x86() ? 0x80400000 : 0xfffff80000400000;
    kernel.write_pointer(high, 1);
    kernel.write_pointer(high + 0x1000, 2);
    const std::uint8_t kind = paging == Paging::arm64 ? 4 : static_cast<std::uint8_t>(paging);
    Blob blob = Blob().u8(kind).u8(static_cast<std::uint32_t>(kernel.root() >> 12)).put(high);
    blob.put(high + 0x1000);
    seeds.write("page_tables", name,
                blob.add(part(base::Bytes::of(std::span(kernel.bytes())), 0xf000)));
  }
}

template <class Word>
Blob process_list() {
  Blob blob;
  const auto add = [&](const auto& value) {
    for (const std::byte each : std::as_bytes(std::span(&value, 1))) blob.put(each);
  };
  capture::native::ProcessEntry<Word> entry;
  capture::native::ExtendedThreadEntry<Word> thread;
  entry.number_of_threads = 2;
  entry.next_entry_offset = static_cast<std::uint32_t>(sizeof entry + 2 * sizeof thread + 16);
  entry.process_id = 100;
  entry.image_name = {16, 16, static_cast<Word>(0x10000 + sizeof entry + 2 * sizeof thread)};
  thread.thread.process_id = 100;
  thread.thread.state = 5;
  for (const bool is_last : {false, true}) {
    if (is_last) entry.next_entry_offset = 0;
    add(entry);
    for (std::uint32_t i = 1; i <= 2; ++i) {
      thread.thread.thread_id = 100 + 4 * i;
      add(thread);
    }
    for (const char c : std::string_view("w3wp.exe")) blob.u16(static_cast<unsigned char>(c));
  }
  return blob;
}

template <class Word>
Blob handle_list() {
  Blob blob;
  blob.put(Word{2}).put(Word{0});
  for (std::uint32_t i = 0; i < 2; ++i) {
    capture::native::HandleEntry<Word> entry;
    entry.object = static_cast<Word>(0x80001000 + i);
    entry.process_id = 4;
    entry.handle = static_cast<Word>(4 * i);
    for (const std::byte each : std::as_bytes(std::span(&entry, 1))) blob.put(each);
  }
  return blob;
}

void reply_seeds(const Seeds& seeds) {
  seeds.write("system_reply", "processes_x64", Blob().u8(1).add(process_list<std::uint64_t>()));
  seeds.write("system_reply", "processes_x86", Blob().u8(3).add(process_list<std::uint32_t>()));
  seeds.write("system_reply", "handles_x64", Blob().u8(0).add(handle_list<std::uint64_t>()));
  seeds.write("system_reply", "handles_x86", Blob().u8(2).add(handle_list<std::uint32_t>()));
  Blob events = Blob().u8(4).u8(3);
  for (std::uint32_t id : {1u, 29u, 30u}) events.u16(id).u32(id * 1000).u32(0).u8(4).u32(0);
  seeds.write("system_reply", "events", events);
  seeds.write("system_reply", "path",
              Blob().u8(5).add(blob_of(base::Bytes::of(
                  std::string_view("\\SystemRoot\\system32\\nt.exe\nExecutive\nWaiting")))));
  seeds.write("system_reply", "duration",
              Blob().u8(5).add(blob_of(base::Bytes::of(std::string_view("500ms\nWrResource\n")))));
  const auto dump =
      dump::building::triage_sample(true, 0x8664, dump::building::TriageWriter::live_system);
  seeds.write(
      "system_reply", "triage",
      Blob().u8(6).u8(1).u32(8).u32(0x8c000000).u32(0).add(blob_of(dump::building::view(dump))));
}

void text_seeds(const Seeds& seeds) {
  seeds.text("server_answer", "redirect",
             "https://me:secret@host:8443/symbols?token=1\n/other/a.pdb?x#y\nbytes 100-199/200\n");
  seeds.text("server_answer", "relative", "http://[::1]/a/b/c\n../../d\n120\n");
  seeds.text("server_answer", "pointer",
             "http://h/\nhttp://i:80/\n\"etag\"\nPATH:\\\\server\\share\\a.pdb");
  seeds.text("server_answer", "message", "http://h/\nx\nW/\"weak\"\nMSG: not here");
  seeds.text("redact", "users", "C:\\Users\\me\\a.pdb and \\\\host\\share\\b.sys, /home/me/c.dmp");
  seeds.text(
      "redact", "document",
      R"({"dump":"/home/me/a.dmp","comment":"x","list":["file://host/a","C:\\Users\\O'Brien\\b"],"n":1})");
  seeds.text("redact", "devices",
             R"(\Device\Mup\host\share\a \??\UNC\host\b https://user:p@h/s?q=1)");
  seeds.text("program", "assignments", "$T0 $ebp = $eip $T0 4 + ^ = $ebp $T0 ^ = $esp $T0 8 + =");
  seeds.text("program", "search", "$T0 .raSearch = $eip $T0 ^ = $esp $T0 4 + =");
  seeds.text("program", "aligned",
             "$T1 .raSearch = $T0 $T1 4 - 8 @ = $ebp $T1 4 - ^ = $eip $T1 ^ =");
  seeds.text(
      "symbol_path", "servers",
      "srv*C:\\cache*https://msdl.microsoft.com/download/symbols;cache*D:\\c;symsrv*symsrv.dll*x");
  seeds.text("symbol_path", "names", "C:\\a;.\nD:\\build\\x64\\a b.pdb");
  seeds.text("symbol_path", "device", "srv*\n..\\NUL.pdb");
  std::size_t number = 0;
  for (const char* name : {"?f@C@n@@QEAAXXZ", "?f@@YAHHPEAD@Z", "??0C@n@@QEAA@XZ", "??_7C@@6BD@@@",
                           "??$f@H$0A@@@YAXH@Z", "??_C@_03ABCDEFGH@abc?$AA@", "?f@?1??g@@YAXXZ@4HA",
                           "??R<lambda_1>@@QEBA@XZ", "?x@?A0x1234@@3PAY0L@HA", "_f@8", "@f@4",
                           "?f@@YAX$$QEAV?$A@$$T@@P6AXH@Z@Z"})
    seeds.text("undecorate", "name" + std::to_string(number++), name);
}

// Memory of the kinds of objects that the commands look for: a list, an IRP, a trap frame.
void object_seeds(const Seeds& seeds) {
  constexpr std::uint64_t high = 0xfffff80400000000;
  for (const std::uint8_t which : {0, 1, 2}) {
    const std::uint64_t from = which == 1 ? 0x80000000 : high;
    Blob memory = Blob().u8(which);
    memory.u16(6).u16(0x1d8).u32(0);  // an IRP's type and size
    for (std::uint64_t i = 1; i < 0x80; ++i) memory.put(from + i * 0x20);
    seeds.write("kernel_objects", "irp" + std::to_string(which), memory);
    Blob dispatcher = Blob().u8(which).u8(6).zeros(7);
    for (std::uint64_t i = 0; i < 0x60; ++i) dispatcher.put(from + (i & ~1ull) * 8);
    seeds.write("kernel_objects", "thread" + std::to_string(which), dispatcher);
    seeds.write("kernel_objects", "context" + std::to_string(which),
                Blob().u8(which).add(blob_of(
                    dump::building::view(dump::building::context_of(which == 0   ? 0x8664
                                                                    : which == 1 ? 0x14c
                                                                                 : 0xaa64)))));
  }
}

// The world's dumps as they are, and with a change or two.
void world_seeds(const Seeds& seeds) {
  // 2 and 3 of each four ask the console, every time for other commands.
  for (std::uint32_t which = 0; which < 48; which += which < 6 ? 1 : 4) {
    Blob blob = Blob().u8(which);
    if (which != 0) blob.u32(0x2000 + which * 0x1234).u32(0xffffffff).u32(which);
    seeds.write("world", "dump" + std::to_string(which), blob);
  }
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 3) {
    std::fprintf(stderr, "make_seeds CORPUS SAMPLES\n");
    return 2;
  }
  const Seeds seeds(arguments[1]);
  for (const auto& entry : fs::recursive_directory_iterator(arguments[2])) {
    if (!entry.is_regular_file()) continue;
    const auto file = base::MappedFile::open(entry.path());
    if (!file) continue;
    if (entry.path().extension() == ".pdb") streams_of(seeds, stem_of(entry.path()), file->bytes());
    if (entry.path().extension() == ".sys" || entry.path().extension() == ".exe")
      image_seeds(seeds, stem_of(entry.path()), file->bytes());
  }
  built_streams(seeds);
  table_seeds(seeds);
  shared_import_seed(seeds);
  page_table_seeds(seeds);
  reply_seeds(seeds);
  text_seeds(seeds);
  object_seeds(seeds);
  world_seeds(seeds);
  for (const auto& sample : dump::building::samples())
    seeds.write("dump", sample.name + ".dmp", dump::building::view(sample.bytes));
  return 0;
}
