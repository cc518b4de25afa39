// DUMP_HEADER32 and DUMP_HEADER64: the first page, or the first two, of every kernel dump,
// whatever follows it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/architecture.h"
#include "base/bytes.h"
#include "base/error.h"
#include "dump/dump.h"

namespace ntstack::dump {

// DumpType, as far as writers are known.
enum class DumpType : std::uint32_t {
  full = 1,
  summary = 2,
  header = 3,
  triage = 4,
  bitmap_full = 5,
  bitmap_kernel = 6,
  automatic = 7,
  live_kernel = 8,
  live_kernel_and_user = 9,
  live_full = 10,
};

// DUMP_FILE_ATTRIBUTES.
enum : std::uint32_t {
  attribute_live_dump = 0x10,
  attribute_encrypted = 0x100,
  attribute_decrypted = 0x200,
};

constexpr std::uint64_t page_size = 0x1000;  // in every dump, whatever the processor

// MiniDumpFields: what a triage dump says that it holds. A writer may leave the field unset.
enum : std::uint32_t {
  holds_context = 0x1,
  holds_exception = 0x2,
};

struct KernelHeader {
  bool is_64_bit = true;
  std::uint32_t size = 0;  // of the header: 0x1000 or 0x2000; what follows it begins there
  std::uint32_t major_version = 0;
  std::uint32_t build = 0;
  std::uint32_t machine = 0;
  // Unknown too where the machine does not have the header's width.
  base::Architecture architecture = base::Architecture::unknown;
  std::uint32_t processor_count = 0;
  std::optional<Bugcheck> bugcheck;
  std::uint64_t directory_table_base = 0;
  std::uint64_t pfn_database = 0;
  std::uint64_t ps_loaded_module_list = 0;
  std::uint64_t ps_active_process_head = 0;
  std::uint64_t kd_debugger_data_block = 0;
  bool pae = false;             // 32-bit dumps: PaeEnabled
  base::Bytes physical_memory;  // PHYSICAL_MEMORY_DESCRIPTOR's buffer; may be all unset
  base::Bytes context;          // empty where it is unset
  std::optional<ExceptionRecord> exception;
  std::string comment;
  std::uint32_t dump_type = 0;
  std::optional<std::uint32_t> mini_dump_fields;
  std::optional<std::uint64_t> required_dump_space;
  std::optional<std::uint64_t> system_time;  // FILETIME
  std::optional<std::uint64_t> up_time;      // 100 ns
  std::uint32_t attributes = 0;
};

bool is_kernel_dump(base::Bytes file);  // "PAGE", and "DUMP" or "DU64"

// Fails where the file is no kernel dump or ends inside the header. A field that was never written
// holds the letters PAGE; it is given as zero or as nothing.
base::Result<KernelHeader> read_kernel_header(base::Bytes file);

// "a bitmap kernel dump (type 6)".
std::string text_of_dump_type(std::uint32_t type);

// The CONTEXT in a kernel dump's header or where a triage dump's table says; empty where nothing
// was written.
base::Bytes written_context(base::Bytes file, std::uint64_t offset, const KernelHeader& header);
std::optional<ExceptionRecord> written_exception(base::Bytes file, std::uint64_t offset,
                                                 const KernelHeader& header);

// Copies what the header knows into the dump's records, with a warning where the processor is
// unknown.
void take_header(const KernelHeader& header, Dump& dump);

}  // namespace ntstack::dump
