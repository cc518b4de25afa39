// What every container of a dump gives: plain records of what it lists, and its memory. It knows
// neither page tables nor threads' structures; that is the target's work.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/architecture.h"
#include "base/byte_source.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/guid.h"
#include "base/mapped_file.h"

namespace ntstack::dump {

enum class Kind : std::uint8_t {
  triage,         // a kernel triage dump: blocks of virtual memory
  minidump,       // of a user process
  kernel_stacks,  // a minidump of the kernel stacks of a process's threads, by ntstack's driver
  full,           // every run of physical memory, one after the other (DumpType 1)
  summary,        // kernel pages by a bitmap, with 32-bit counts (DumpType 2, up to Windows 7)
  bitmap,  // pages by a bitmap: complete, kernel, automatic and live dumps (DumpType 5, 6, 7)
  rdmp,    // a debugger's .dump /k, /ka and /f (DumpType 8, 9, 10)
  elf,     // QEMU's dump-guest-memory and its like
  lime,    // LiME's ranges
  vmware,  // .vmss or .vmsn, mostly with a .vmem beside it
  raw      // physical memory and nothing else
};
std::string_view name_of(Kind kind);  // "triage", "minidump", ...: JSON's dump.kind

struct Bugcheck {
  std::uint32_t code = 0;
  std::array<std::uint64_t, 4> parameters{};
};

struct ModuleRecord {
  std::string path;  // as the dump has it, UTF-8: "\\SystemRoot\\system32\\ntoskrnl.exe" or "nt"
  std::uint64_t base = 0;
  std::uint64_t size = 0;  // base + size does not wrap
  std::uint32_t timestamp = 0;
  std::uint32_t checksum = 0;
  std::optional<base::Guid> pdb_guid;  // from a minidump's CodeView record
  std::uint32_t pdb_age = 0;
  std::string pdb_name;
  bool in_session_space = false;  // each session has its own; the system process maps none
};

struct UnloadedModuleRecord {
  std::string name;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;  // never below begin
};

struct ExceptionRecord {
  std::uint32_t code = 0;
  std::uint32_t flags = 0;
  std::uint64_t address = 0;
  std::vector<std::uint64_t> parameters;  // at most 15
};

// A thread that the container itself lists (minidumps).
struct ThreadRecord {
  std::uint32_t id = 0;
  std::uint64_t teb = 0;
  std::uint32_t suspend_count = 0;
  base::Bytes context;              // CONTEXT of the dump's architecture; may be short or empty
  std::uint64_t stack_address = 0;  // of the saved stack memory
  std::uint64_t stack_size = 0;
  std::uint64_t start_address = 0;  // 0 unknown
  std::string name;
};

// What ntstack's driver said of a thread (driver/protocol.h), and how the thread was listed before.
struct KernelStackRecord {
  std::uint32_t status = 0;                     // NTSTATUS: 0 captured
  std::uint32_t flags = 0;                      // of ThreadOut
  std::uint64_t object = 0;                     // ETHREAD; 0 not known
  std::uint64_t create_time = 0;                // FILETIME; 0 not known
  std::uint64_t time = 0;                       // interrupt time when it was captured, 100 ns
  std::uint64_t stack_low = 0, stack_high = 0;  // limit and base of the stack that it was on
  std::vector<std::uint64_t> frames;            // the kernel's own walk, youngest first
  std::uint32_t hash = 0;                       // of these
  std::uint64_t callers_address = 0, callers_caller = 0;
  std::optional<std::uint8_t> state, wait_reason;  // KTHREAD_STATE, KWAIT_REASON when it was listed
};

// Of a kernel_stacks dump.
struct KernelStacks {
  std::uint32_t driver_version = 0;
  std::string process_name;                // "w3wp.exe"
  std::vector<KernelStackRecord> threads;  // one for each of Dump::threads
};

// A processor whose registers the container itself saved (QEMU's notes, VMware's state).
struct ProcessorRecord {
  std::uint32_t number = 0;
  std::vector<std::byte> context;  // CONTEXT of the dump's architecture; empty where not known
  // Paging and the tables that lead to the kernel's structures; nothing where not saved.
  std::optional<std::uint64_t> cr0, cr3, cr4;
  std::optional<std::uint64_t> fs_base, gs_base, kernel_gs_base;
  std::optional<std::uint64_t> gdt_base, idt_base;
};

// A piece of tagged secondary data, listed by its GUID.
struct SecondaryData {
  base::Guid tag;
  base::Bytes bytes;
};

// The parts of a triage dump that have a place in the file but none in memory, as far as there are
// any.
struct TriageRecords {
  std::uint32_t options = 0;  // TriageOptions; 0xffffffff: written by the kernel
  base::Bytes prcb;           // the crashing processor's KPRCB
  base::Bytes process;        // EPROCESS
  base::Bytes thread;         // ETHREAD
  base::Bytes call_stack;     // stands at top_of_stack
  std::uint64_t top_of_stack = 0;
  std::uint64_t thread_file_offset = 0;  // to find which data block the thread object is in
  struct DataBlock {
    std::uint64_t address;
    base::Bytes bytes;
    std::uint64_t file_offset;
  };
  std::vector<DataBlock> data_blocks;  // in the file's order
};

struct Dump {
  std::optional<base::MappedFile> file;       // nothing where parse() was given the bytes
  std::optional<base::MappedFile> companion;  // VMware: the other file of the two
  Kind kind = Kind::triage;
  base::Architecture architecture = base::Architecture::unknown;
  std::uint32_t machine = 0;        // IMAGE_FILE_MACHINE_* as written
  std::uint32_t major_version = 0;  // kernel dumps: 0xf free, 0xc checked; minidumps: 10
  std::uint32_t build = 0;          // 19041; 0 unknown
  std::uint32_t processor_count = 0;
  std::optional<std::uint64_t> system_time;  // FILETIME, 100 ns since 1601
  std::optional<std::uint64_t> up_time;      // 100 ns
  std::uint32_t attributes = 0;              // DUMP_FILE_ATTRIBUTES
  std::string comment;
  std::optional<Bugcheck> bugcheck;
  // Minidumps' MiscInfo.
  std::optional<std::uint32_t> process_id;
  std::optional<std::uint64_t> process_create_time;  // FILETIME

  // Kernel dumps' header fields, as they stand.
  std::optional<std::uint32_t> dump_type;  // DUMP_TYPE
  std::uint64_t directory_table_base = 0;
  bool pae = false;  // x86: page-table entries have 8 bytes
  std::uint64_t pfn_database = 0;
  std::uint64_t ps_loaded_module_list = 0;
  std::uint64_t ps_active_process_head = 0;
  std::uint64_t kd_debugger_data_block = 0;

  base::Bytes context;  // of the crash; may be empty
  std::optional<ExceptionRecord> exception;
  std::optional<std::uint32_t> exception_thread_id;  // minidumps
  base::Bytes kdbg;  // KDDEBUGGER_DATA64, empty where the dump has none

  std::vector<ModuleRecord> modules;  // in the dump's order
  std::vector<UnloadedModuleRecord> unloaded_modules;
  std::vector<ThreadRecord> threads;  // minidumps; of kernel stacks: all that were asked for
  std::optional<KernelStacks> kernel_stacks;
  std::vector<ProcessorRecord> processors;  // by number, each once
  std::vector<SecondaryData> secondary;
  std::optional<TriageRecords> triage;

  // Virtual memory as the container has it (triage data blocks and call stack, minidump ranges);
  // null where it has physical memory.
  std::unique_ptr<base::ByteSource> memory;
  // Physical memory, with holes; null where the container has virtual memory.
  std::unique_ptr<base::ByteSource> physical;
  std::uint64_t physical_bytes = 0;  // how much of it is in the file
  // The virtual addresses that an ELF core gives beside the physical ones (dump-guest-memory -p):
  // one processor's address space as it was mapped then. Page tables know better; else null.
  std::unique_ptr<base::ByteSource> mapped;

  // What was left out or looked wrong, a sentence each: the dump is used all the same.
  std::vector<std::string> warnings;
};

// Opens a dump of any kind that is understood. Errors name the file, what was found, and what to
// do.
base::Result<Dump> open(const std::filesystem::path& path);

// The same over bytes that outlive the dump (tests, fuzzing); Dump::file stays unset.
base::Result<Dump> parse(base::Bytes file);

}  // namespace ntstack::dump
