// capture.json: what `ntstack capture` says of a capture, in the folder with its dumps. The format
// is ours; docs/schema/ntstack.schema.json has it (capture_document).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/architecture.h"
#include "base/bytes.h"
#include "base/error.h"

namespace ntstack::dump {

inline constexpr const char* kBundleFile = "capture.json";

// Times are FILETIMEs, 100 ns since 1601, UTC; 0 where not known.
struct BundleMachine {
  std::string name;     // its network name
  std::string version;  // "10.0.19045.3803"
  base::Architecture architecture = base::Architecture::unknown;
  std::uint32_t processors = 0;
  std::uint64_t physical_memory = 0;  // bytes
  std::uint64_t boot_time = 0;
};

struct BundleProcess {
  std::uint32_t id = 0, parent_id = 0, session = 0;
  std::string name;  // "w3wp.exe"
  std::uint64_t create_time = 0;
};

enum class BundleFileKind : std::uint8_t { triage, kernel_stacks, live, user, other };

struct BundleFile {
  std::string name;  // in the folder; never a path
  BundleFileKind kind = BundleFileKind::other;
  std::string contents;  // live: "full", "selective"; user: "full", "mini"; else empty
  std::uint64_t size = 0;
  std::uint64_t started = 0;
  std::uint64_t milliseconds = 0;         // until it was taken
  std::uint32_t asked = 0, captured = 0;  // threads; triage dumps and kernel stacks
  // Live dumps: how long no processor did anything else, where the system told it.
  std::optional<std::uint64_t> stood_still_us;
};

struct BundleThread {
  std::uint32_t id = 0;
  std::uint64_t object = 0;  // the ETHREAD's address; 0 unknown
  std::uint64_t create_time = 0;
  std::string name;
  std::string state, wait_reason;  // when the threads were listed, as kd names them: "Waiting"
  std::int32_t priority = 0;
  std::uint32_t context_switches = 0;   // when the threads were listed
  std::optional<std::string> file;      // that has its kernel stack
  std::optional<std::uint32_t> status;  // NTSTATUS: the kernel's own, of its last try
  std::string outcome;                  // "captured", "wedged", ..., "in_live_dump"
  std::string reason;                   // a sentence, where it was not captured
};

struct Bundle {
  std::uint32_t version = 1;  // of the format
  std::string program;        // "ntstack 0.1.0"
  BundleMachine machine;
  BundleProcess process;
  std::uint64_t started = 0, ended = 0;
  bool is_cut_short = false;  // by Ctrl-C, or its time ran out
  std::vector<BundleFile> files;
  std::vector<BundleThread> threads;
  std::vector<std::string> notes;  // sentences
};

// Fails where it is not JSON or of a later format; unknown members are passed over, what is of a
// wrong type counts as absent. Names with a path in them are left out.
base::Result<Bundle> parse_bundle(base::Bytes json);
// Valid UTF-8, indented, with a newline at its end.
std::string bundle_json(const Bundle& bundle);

// No folder, no drive, nothing that leads out of the bundle.
bool is_plain_file_name(std::string_view name);

}  // namespace ntstack::dump
