#include "dump/header.h"

#include <algorithm>

#include "dump/records.h"

namespace ntstack::dump {

namespace {

// A writer fills the whole header with the letters PAGE before it sets the fields that it knows.
constexpr std::uint32_t unset32 = 0x45474150;
constexpr std::uint64_t unset64 = 0x4547415045474150;

// Where the fields stand (mindumpdef.h of the Windows SDK).
struct Layout {
  std::uint32_t size;
  std::uint32_t directory_table_base;
  std::uint32_t pfn_database;
  std::uint32_t ps_loaded_module_list;
  std::uint32_t ps_active_process_head;
  std::uint32_t machine;
  std::uint32_t processor_count;
  std::uint32_t bugcheck_code;
  std::uint32_t bugcheck_parameters;
  std::uint32_t kd_debugger_data_block;
  std::uint32_t physical_memory;
  std::uint32_t context;
  std::uint32_t exception;
  std::uint32_t comment;
  std::uint32_t dump_type;
  std::uint32_t required_dump_space;
  std::uint32_t system_time;
  std::uint32_t up_time;
  std::uint32_t mini_dump_fields;
  std::uint32_t attributes;
};

constexpr Layout layout32{
    .size = 0x1000,
    .directory_table_base = 0x10,
    .pfn_database = 0x14,
    .ps_loaded_module_list = 0x18,
    .ps_active_process_head = 0x1c,
    .machine = 0x20,
    .processor_count = 0x24,
    .bugcheck_code = 0x28,
    .bugcheck_parameters = 0x2c,
    .kd_debugger_data_block = 0x60,
    .physical_memory = 0x64,
    .context = 0x320,
    .exception = 0x7d0,
    .comment = 0x820,
    .dump_type = 0xf88,
    .required_dump_space = 0xfa0,
    .system_time = 0xfc0,
    .up_time = 0xfb8,
    .mini_dump_fields = 0xf8c,
    .attributes = 0x8a0,
};

constexpr Layout layout64{
    .size = 0x2000,
    .directory_table_base = 0x10,
    .pfn_database = 0x18,
    .ps_loaded_module_list = 0x20,
    .ps_active_process_head = 0x28,
    .machine = 0x30,
    .processor_count = 0x34,
    .bugcheck_code = 0x38,
    .bugcheck_parameters = 0x40,
    .kd_debugger_data_block = 0x80,
    .physical_memory = 0x88,
    .context = 0x348,
    .exception = 0xf00,
    .comment = 0xfb0,
    .dump_type = 0xf98,
    .required_dump_space = 0xfa0,
    .system_time = 0xfa8,
    .up_time = 0x1030,
    .mini_dump_fields = 0x1038,
    .attributes = 0x1050,
};

constexpr std::uint32_t major_version_at = 0x8;
constexpr std::uint32_t build_at = 0xc;
constexpr std::uint32_t pae_at = 0x5c;  // 32-bit only
constexpr std::uint32_t physical_memory_size = 700;
constexpr std::uint32_t comment_size = 128;
constexpr std::uint32_t exception_size32 = 0x50;
constexpr std::uint32_t exception_size64 = 0x98;

static_assert(layout32.physical_memory + physical_memory_size == layout32.context);
static_assert(layout64.physical_memory + physical_memory_size == layout64.context - 4);  // padding
static_assert(layout32.exception + exception_size32 == layout32.comment);
static_assert(layout64.exception + exception_size64 == layout64.dump_type);
static_assert(layout32.comment + comment_size == layout32.attributes);
static_assert(layout64.comment + comment_size == layout64.up_time);

// Reads fields of either header; unset ones are nothing.
class Fields {
 public:
  Fields(base::Bytes header, bool is_64_bit) : header_(header), is_64_bit_(is_64_bit) {}

  std::optional<std::uint32_t> u32(std::uint64_t at) const {
    const auto value = header_.get_or<std::uint32_t>(at, unset32);
    return value == unset32 ? std::nullopt : std::optional(value);
  }
  std::optional<std::uint64_t> u64(std::uint64_t at) const {
    const auto value = header_.get_or<std::uint64_t>(at, unset64);
    return value == unset64 ? std::nullopt : std::optional(value);
  }
  std::uint64_t pointer(std::uint64_t at) const {
    return is_64_bit_ ? u64(at).value_or(0) : u32(at).value_or(0);
  }

 private:
  base::Bytes header_;
  bool is_64_bit_;
};

std::optional<Bugcheck> read_bugcheck(const Fields& fields, const Layout& layout,
                                      std::uint64_t pointer_size) {
  const auto code = fields.u32(layout.bugcheck_code);
  if (!code) return std::nullopt;
  Bugcheck bugcheck{.code = *code, .parameters = {}};
  for (std::size_t i = 0; i < bugcheck.parameters.size(); ++i) {
    bugcheck.parameters[i] = fields.pointer(layout.bugcheck_parameters + i * pointer_size);
  }
  return bugcheck;
}

std::string read_comment(base::Bytes file, const Layout& layout) {
  if (file.get_or<std::uint64_t>(layout.comment, unset64) == unset64) return {};
  return std::string(file.text(layout.comment, comment_size));
}

const Layout& layout_of(bool is_64_bit) { return is_64_bit ? layout64 : layout32; }

}  // namespace

bool is_kernel_dump(base::Bytes file) {
  const std::string_view magic = file.text(0, 8);
  return magic == "PAGEDU64" || magic == "PAGEDUMP";
}

base::Result<KernelHeader> read_kernel_header(base::Bytes file) {
  if (!is_kernel_dump(file)) return base::fail("not a kernel dump");
  KernelHeader header;
  header.is_64_bit = file.text(0, 8) == "PAGEDU64";
  const Layout& layout = layout_of(header.is_64_bit);
  if (file.size() < layout.size) {
    return base::fail(
        "a kernel dump that was cut off inside its header: {:#x} bytes are there, the header alone "
        "has {:#x}; copy it again from where it was written",
        file.size(), layout.size);
  }
  const Fields fields(file.clamp(0, layout.size), header.is_64_bit);
  header.size = layout.size;
  header.major_version = fields.u32(major_version_at).value_or(0);
  header.build = fields.u32(build_at).value_or(0);
  header.machine = fields.u32(layout.machine).value_or(0);
  header.architecture = base::architecture_of_machine(header.machine);
  if (is_64_bit(header.architecture) != header.is_64_bit) {
    header.architecture = base::Architecture::unknown;
  }
  header.processor_count = fields.u32(layout.processor_count).value_or(0);
  header.bugcheck = read_bugcheck(fields, layout, header.is_64_bit ? 8 : 4);
  header.directory_table_base = fields.pointer(layout.directory_table_base);
  header.pfn_database = fields.pointer(layout.pfn_database);
  header.ps_loaded_module_list = fields.pointer(layout.ps_loaded_module_list);
  header.ps_active_process_head = fields.pointer(layout.ps_active_process_head);
  header.kd_debugger_data_block = fields.pointer(layout.kd_debugger_data_block);
  header.pae = !header.is_64_bit && file.get_or<std::uint8_t>(pae_at, 0) == 1;
  header.physical_memory = file.clamp(layout.physical_memory, physical_memory_size);
  header.comment = read_comment(file, layout);
  header.dump_type = fields.u32(layout.dump_type).value_or(0);
  header.mini_dump_fields = fields.u32(layout.mini_dump_fields);
  header.required_dump_space = fields.u64(layout.required_dump_space);
  header.system_time = fields.u64(layout.system_time);
  header.up_time = fields.u64(layout.up_time);
  header.attributes = fields.u32(layout.attributes).value_or(0);
  header.context = written_context(file, layout.context, header);
  header.exception = written_exception(file, layout.exception, header);
  return header;
}

base::Bytes written_context(base::Bytes file, std::uint64_t offset, const KernelHeader& header) {
  const base::Bytes context = file.clamp(offset, context_size(header.architecture));
  // Every writer sets ContextFlags, and the processor's bit with them.
  const std::uint64_t flags_at = header.architecture == base::Architecture::x64 ? 0x30 : 0;
  const auto flags = context.get_or<std::uint32_t>(flags_at, unset32);
  if (flags == unset32) return {};
  const bool promised = (header.mini_dump_fields.value_or(holds_context) & holds_context) != 0;
  return promised || (flags & 0x00ff0000) != 0 ? context : base::Bytes();
}

std::optional<ExceptionRecord> written_exception(base::Bytes file, std::uint64_t offset,
                                                 const KernelHeader& header) {
  const base::Bytes bytes =
      file.clamp(offset, header.is_64_bit ? exception_size64 : exception_size32);
  if (bytes.get_or<std::uint32_t>(0, unset32) == unset32) return std::nullopt;
  return exception_record(bytes, header.is_64_bit);
}

std::string text_of_dump_type(std::uint32_t type) {
  const auto name = [&]() -> std::string_view {
    switch (static_cast<DumpType>(type)) {
      case DumpType::full:
        return "a complete kernel dump";
      case DumpType::summary:
        return "a kernel summary dump";
      case DumpType::header:
        return "a kernel dump of a header alone";
      case DumpType::triage:
        return "a triage dump";
      case DumpType::bitmap_full:
        return "a bitmap complete dump";
      case DumpType::bitmap_kernel:
        return "a bitmap kernel dump";
      case DumpType::automatic:
        return "an automatic kernel dump";
      case DumpType::live_kernel:
        return "a kernel dump written by a debugger";
      case DumpType::live_kernel_and_user:
        return "a kernel and user dump written by a debugger";
      case DumpType::live_full:
        return "a complete dump written by a debugger";
    }
    return "a kernel dump of an unknown kind";
  };
  return fmt::format("{} (type {})", name(), type);
}

void take_header(const KernelHeader& header, Dump& dump) {
  dump.architecture = header.architecture;
  dump.machine = header.machine;
  dump.major_version = header.major_version;
  dump.build = header.build;
  dump.processor_count = header.processor_count;
  dump.system_time = header.system_time;
  dump.up_time = header.up_time;
  dump.attributes = header.attributes;
  dump.comment = header.comment;
  dump.bugcheck = header.bugcheck;
  dump.dump_type = header.dump_type;
  dump.directory_table_base = header.directory_table_base;
  dump.pae = header.pae;
  dump.pfn_database = header.pfn_database;
  dump.ps_loaded_module_list = header.ps_loaded_module_list;
  dump.ps_active_process_head = header.ps_active_process_head;
  dump.kd_debugger_data_block = header.kd_debugger_data_block;
  dump.context = header.context;
  dump.exception = header.exception;
  if (header.architecture == base::Architecture::unknown) {
    dump.warnings.push_back(
        fmt::format("the processor (machine {:#x} of a {}-bit dump) is not one that is understood: "
                    "x86, x64 and ARM64 are",
                    header.machine, header.is_64_bit ? 64 : 32));
  }
}

}  // namespace ntstack::dump
