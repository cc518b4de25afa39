#include "target/offsets/probe.h"

#include <fmt/format.h>

#include <set>

#include "target/offsets/probe_process.h"
#include "target/offsets/probe_processor.h"
#include "target/offsets/probe_thread.h"

namespace ntstack::target {
namespace {

// Without these, threads are not found, or not their stacks.
constexpr Field kNeeded[] = {Field::kthread_initial_stack,
                             Field::kthread_stack_limit,
                             Field::kthread_stack_base,
                             Field::kthread_kernel_stack,
                             Field::kthread_trap_frame,
                             Field::kthread_apc_process,
                             Field::kthread_state,
                             Field::kthread_teb,
                             Field::ethread_cid,
                             Field::eprocess_unique_process_id,
                             Field::eprocess_active_process_links,
                             Field::eprocess_image_file_name,
                             Field::kprocess_directory_table_base,
                             Field::kprcb_current_thread};

bool is_sure(OffsetSource source) {
  return source != OffsetSource::unknown && source != OffsetSource::nearest_table;
}

bool lacks_something(const Offsets& offsets) {
  const auto is_known = [&](Field field) { return is_sure(offsets.source(field)); };
  if (!std::ranges::all_of(kNeeded, is_known)) return true;
  const bool has_kernel_list =
      is_known(Field::kprocess_thread_list_head) && is_known(Field::kthread_thread_list_entry);
  const bool has_executive_list =
      is_known(Field::eprocess_thread_list_head) && is_known(Field::ethread_thread_list_entry);
  return !has_kernel_list && !has_executive_list;
}

// A few objects looked at through offsets that are taken to be known.
class Check {
 public:
  Check(const Evidence& evidence, const Offsets& offsets)
      : evidence_(evidence), offsets_(offsets) {}

  // That an object is not what the offsets say that it is. Missing memory contradicts nothing.
  bool contradicts() const { return first_process_contradicts() || threads_contradict(); }

 private:
  std::optional<std::uint64_t> field(std::uint64_t object, Field which) const {
    const auto at = offsets_[which];
    return at ? evidence_.pointer(object + *at) : std::nullopt;
  }
  bool is_other_type(std::uint64_t object, std::uint8_t type) const {
    const auto found = evidence_.start().memory.get<std::uint8_t>(object);
    return found && (*found & 0x7f) != type;
  }
  bool first_process_contradicts() const;
  bool threads_contradict() const;
  bool thread_contradicts(std::uint64_t thread) const;
  bool stack_contradicts(std::uint64_t thread) const;
  bool is_not_named_system(std::uint64_t process) const;

  const Evidence& evidence_;
  const Offsets& offsets_;
};

// The first in PsActiveProcessHead is the System, whose ID is 4; its first thread is one.
bool Check::first_process_contradicts() const {
  const auto links = offsets_[Field::eprocess_active_process_links];
  const auto first = evidence_.pointer(evidence_.start().process_head);
  if (!links || !first || !evidence_.is_kernel(*first)) return false;
  const std::uint64_t process = *first - *links;
  if (is_other_type(process, kProcessType) || is_not_named_system(process)) return true;
  const auto id = field(process, Field::eprocess_unique_process_id);
  if (id && *id != 4) return true;
  const auto entry = offsets_[Field::ethread_thread_list_entry];
  const auto listed = field(process, Field::eprocess_thread_list_head);
  if (!entry || !listed || !evidence_.is_kernel(*listed)) return false;
  if (*listed == process + *offsets_[Field::eprocess_thread_list_head]) return false;
  const std::uint64_t thread = *listed - *entry;
  const auto owner = field(thread, Field::ethread_cid);
  return thread_contradicts(thread) || (owner && *owner != 4);
}

bool Check::is_not_named_system(std::uint64_t process) const {
  const auto at = offsets_[Field::eprocess_image_file_name];
  if (!at) return false;
  const std::vector<std::byte> name = evidence_.start().memory.copy(process + *at, 7);
  return name.size() == 7 && base::Bytes(std::span(name)).text(0) != "System";
}

bool Check::thread_contradicts(std::uint64_t thread) const {
  if (is_other_type(thread, kThreadType) || stack_contradicts(thread)) return true;
  const auto process = field(thread, Field::kthread_apc_process);
  return process && (!evidence_.is_kernel(*process) || is_other_type(*process, kProcessType));
}

bool Check::stack_contradicts(std::uint64_t thread) const {
  const auto limit = field(thread, Field::kthread_stack_limit);
  const auto base = field(thread, Field::kthread_stack_base);
  const auto initial = field(thread, Field::kthread_initial_stack);
  const auto kernel = field(thread, Field::kthread_kernel_stack);
  if (limit && base &&
      (*limit % 0x1000 != 0 || *base % 0x1000 != 0 || *base <= *limit || *base - *limit > 0x100000))
    return true;
  for (const auto& within : {initial, kernel})
    if (within && ((limit && *within < *limit) || (base && *within > *base))) return true;
  return initial && !evidence_.is_kernel(*initial);
}

// Most of the processors' current threads: one may be in the middle of a change.
bool Check::threads_contradict() const {
  std::size_t seen = 0, wrong = 0;
  for (const std::uint64_t prcb : evidence_.start().prcbs) {
    if (seen == 4) break;
    const auto thread = field(prcb, Field::kprcb_current_thread);
    if (!thread || !evidence_.start().memory.get<std::uint8_t>(*thread)) continue;
    ++seen;
    wrong += thread_contradicts(*thread);
  }
  return wrong * 2 > seen;
}

// The structure that a field is of, by its first field.
Field structure_of(Field field) {
  for (const Field first : {Field::kpcr_prcb, Field::kprcb_current_thread,
                            Field::eprocess_unique_process_id, Field::ethread_create_time})
    if (field >= first) return first;
  return Field::kthread_initial_stack;
}

// What probing found, put over what was known.
class Taker {
 public:
  Taker(Offsets& offsets, bool is_contradicted)
      : offsets_(offsets), is_contradicted_(is_contradicted) {}

  void take(Field field, const ProbedOffset& probed) {
    const OffsetSource source = offsets_.source(field);
    if (!probed.was_tested) return;
    const auto known = offsets_[field];
    const bool fits =
        known && std::ranges::find(probed.fitting, std::uint32_t{*known}) != probed.fitting.end();
    if (is_sure(source) && (fits || !is_contradicted_ || source == OffsetSource::types)) return;
    if (known && fits && !probed.value) return;  // one of several; the table's word decides
    if (!known && !probed.value) return;
    // Where nothing fits at all, the sample is as likely to be at fault as what is known.
    if (is_sure(source) && probed.fitting.empty()) return;
    if (known && !fits) moved_.insert(structure_of(field));
    offsets_.take_probed(field, probed.value);
    taken_ += probed.value.has_value();
    if (is_sure(source)) replaced_.push_back(std::string(name_of(source)));
  }
  // Where one field of a structure is not where the nearest build has it, the others that it alone
  // tells of are not known either.
  void drop_doubtful() {
    for (int i = 0; i < static_cast<int>(Field::count); ++i) {
      const auto field = static_cast<Field>(i);
      if (offsets_.source(field) == OffsetSource::nearest_table &&
          moved_.contains(structure_of(field)))
        offsets_.take_probed(field, std::nullopt);
    }
  }
  std::size_t taken() const { return taken_; }
  const std::vector<std::string>& replaced() const { return replaced_; }

 private:
  Offsets& offsets_;
  bool is_contradicted_;
  std::vector<std::string> replaced_;
  std::set<Field> moved_;  // structures, by their first fields
  std::size_t taken_ = 0;
};

void take_processes(Taker& taker, const ProbedProcesses& found) {
  taker.take(Field::eprocess_active_process_links, found.links);
  taker.take(Field::eprocess_unique_process_id, found.id);
  taker.take(Field::eprocess_parent_id, found.parent_id);
  taker.take(Field::eprocess_peb, found.peb);
  taker.take(Field::eprocess_image_file_name, found.image_file_name);
  taker.take(Field::kprocess_directory_table_base, found.directory_table_base);
}

void take_threads(Taker& taker, const ProbedThreads& found) {
  taker.take(Field::kprocess_thread_list_head, found.kernel_head);
  taker.take(Field::kthread_thread_list_entry, found.kernel_entry);
  taker.take(Field::eprocess_thread_list_head, found.executive_head);
  taker.take(Field::ethread_thread_list_entry, found.executive_entry);
  taker.take(Field::kthread_initial_stack, found.initial_stack);
  taker.take(Field::kthread_stack_limit, found.stack_limit);
  taker.take(Field::kthread_stack_base, found.stack_base);
  taker.take(Field::kthread_kernel_stack, found.kernel_stack);
  taker.take(Field::kthread_trap_frame, found.trap_frame);
  taker.take(Field::kthread_apc_process, found.apc_process);
  taker.take(Field::kthread_process, found.process);
  taker.take(Field::kthread_teb, found.teb);
  taker.take(Field::kthread_state, found.state);
  taker.take(Field::ethread_cid, found.cid);
  taker.take(Field::ethread_start_address, found.start_address);
  taker.take(Field::ethread_win32_start_address, found.win32_start_address);
}

void take_processors(Taker& taker, const ProbedProcessors& found) {
  taker.take(Field::kprcb_current_thread, found.current_thread);
  taker.take(Field::kprcb_idle_thread, found.idle_thread);
  taker.take(Field::kprcb_rsp_base, found.rsp_base);
  taker.take(Field::kprcb_context, found.context);
  taker.take(Field::kprcb_processor_state, found.processor_state);
}

std::vector<RunningThread> running_threads(const Evidence& evidence,
                                           const std::optional<std::uint32_t>& current) {
  std::vector<RunningThread> running;
  for (const std::uint64_t prcb : evidence.start().prcbs) {
    if (!current || running.size() == 64) break;
    const auto thread = evidence.pointer(prcb + *current);
    if (thread && evidence.has_type(*thread, kThreadType)) running.push_back({prcb, *thread});
  }
  return running;
}

std::vector<std::string> sentences(const Taker& taker) {
  std::vector<std::string> said;
  if (taker.taken() != 0)
    said.push_back(
        fmt::format("{} offsets in the kernel's structures are probed, told by its objects "
                    "themselves: nt's PDB would say them for sure",
                    taker.taken()));
  if (!taker.replaced().empty())
    said.push_back(
        fmt::format("{} offsets of the {} do not fit this kernel's objects and are not used",
                    taker.replaced().size(),
                    taker.replaced().front() == "kdbg" ? "KDBG block" : "table of this build"));
  return said;
}

}  // namespace

std::vector<std::string> probe_offsets(const ProbeStart& start, Offsets& offsets) {
  const Evidence evidence(start);
  const bool is_contradicted = Check(evidence, offsets).contradicts();
  if (!is_contradicted && !lacks_something(offsets)) return {};
  ProbedProcessors processors = probe_running_threads(evidence);
  std::optional<std::uint32_t> current = processors.current_thread.value;
  if (!current && is_sure(offsets.source(Field::kprcb_current_thread)))
    current = offsets[Field::kprcb_current_thread];
  const std::vector<RunningThread> running = running_threads(evidence, current);
  std::vector<std::uint64_t> addresses;
  for (const RunningThread& each : running) addresses.push_back(each.thread);
  const ProbedProcesses processes = probe_processes(evidence, addresses);
  const ProbedThreads threads = probe_threads(evidence, processes, running);
  probe_processor_fields(evidence, threads.initial_stack.value, processors);
  Taker taker(offsets, is_contradicted);
  take_processors(taker, processors);
  take_processes(taker, processes);
  take_threads(taker, threads);
  taker.drop_doubtful();
  return sentences(taker);
}

}  // namespace ntstack::target
