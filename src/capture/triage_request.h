// One call of NtSystemDebugControl's command 29: a kernel triage dump of some of a process's
// threads, in one megabyte at most.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <vector>

#include "capture/debug_control.h"
#include "capture/system.h"

namespace ntstack::capture {

// What kdbgctrl and other public tools put there.
inline constexpr std::uint32_t kTriageBugcheckCode = 0x69696969;

// The dump's own bugcheck parameters say who made it. Parameter 1 is a tag, its letters packed by
// five bits each, A = 1:
//   64 bits: [63:29] "NTSTACK", [28:24] format version, [23:0] number of the batch, from 0;
//   32 bits: [31:17] "NTS",     [16:14] format version, [13:0] number of the batch.
// A number that its bits can't hold is the highest that they can. Parameters 2 to 4 are addresses
// of the first three threads' objects, 0 where they are not known.
inline constexpr std::uint32_t kTagVersion = 1;
struct Tag {
  std::uint32_t version = kTagVersion;
  std::uint32_t batch = 0;
};
std::uint64_t packed(const Tag& tag, bool is_64_bit);
// Nothing where the parameter is of another maker.
std::optional<Tag> tag_of(std::uint64_t parameter1, bool is_64_bit);

struct TriageRequest {
  std::span<const Handle> threads;         // with kThreadAllAccess
  std::span<const std::uint64_t> objects;  // of these threads, 0 where not known; may be fewer
  std::uint32_t batch = 0;
  std::uint32_t flags = 0;  // only bit 0 is allowed; what it does is not known
  std::uint32_t bugcheck_code = kTriageBugcheckCode;
};

// The control block for a kernel with words of this size; `handles`: where as many Words are.
template <class Word>
TriageDumpControl<Word> control_block(const TriageRequest& request, Word handles) {
  TriageDumpControl<Word> control;
  control.flags = request.flags;
  control.bugcheck_code = request.bugcheck_code;
  control.parameters[0] =
      static_cast<Word>(packed({kTagVersion, request.batch}, sizeof(Word) == 8));
  for (std::size_t i = 0; i < 3 && i < request.objects.size(); ++i)
    control.parameters[i + 1] = static_cast<Word>(request.objects[i]);
  control.thread_handles = static_cast<std::uint32_t>(request.threads.size());
  control.handles = handles;
  return control;
}

struct TriageAnswer {
  Status status = kSuccess;
  std::span<const std::byte> dump;  // in the buffer; empty where there is none
  std::string complaint;            // a success whose dump is none: what is wrong with it
};

// Takes one dump into `buffer`, which grows to a megabyte and can be used again.
TriageAnswer take_triage_dump(System& system, const TriageRequest& request,
                              std::vector<std::byte>& buffer);

}  // namespace ntstack::capture
