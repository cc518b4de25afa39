#include "world_physical/kernel_data.h"

#include <fmt/format.h>

#include <algorithm>

#include "world_physical/debugger_data.h"
#include "world_physical/fact_data.h"

namespace ntstack::world {
namespace {

// Where things lie, by the width of an address.
struct Places {
  std::uint64_t pool, stacks, names, prototypes;  // where each begins
  std::uint64_t peb, start_address, win32_start_address, unloaded;
};
constexpr Places places64{0xffffdb0480000000, 0xfffff50e00000000, 0xffffa50ffc3d5000,
                          0xffffa50ffd001000, 0xfd877dd000,       0x7ffa2fb02630,
                          0x7ff6ab7b1200,     0xfffff88004e00000};
constexpr Places places32{0x86000000, 0x94000000, 0xa13d5000, 0xa2001000,
                          0x7ffd8000, 0x77a3c500, 0x00401200, 0x93e00000};
constexpr std::uint64_t console_stack_base = 0xfffff50f606ee000;
constexpr std::uint64_t console_process = 0xffffdb05c1641080;
constexpr std::uint64_t console_threads[] = {0xffffdb05bf3c7080, 0xffffdb05c0fc6080,
                                             0xffffdb05be694080, 0xffffdb05be7e2080};
constexpr std::uint64_t console_ids[] = {0x924, 0x7c8, 0x17dc, 0x1020};
constexpr std::uint64_t emulated_pool_size = 0x80000;
constexpr const char* common_names[] = {"svchost.exe", "chrome.exe",  "RuntimeBroker.exe",
                                        "dllhost.exe", "conhost.exe", "msedgewebview2.exe"};

// Addresses of one run as they are in a copy of it.
class Relocation {
 public:
  void add(std::uint64_t from, std::uint64_t size, std::uint64_t to) {
    moves_.push_back({from, size, to});
  }
  std::uint64_t operator()(std::uint64_t address) const {
    for (const Move& move : moves_)
      if (address - move.from <= move.size) return address - move.from + move.to;
    return address;
  }

 private:
  struct Move {
    std::uint64_t from, size, to;
  };
  std::vector<Move> moves_;
};

class Maker {
 public:
  Maker(const Stories& stories, const KernelLayout& layout,
        const std::vector<std::uint64_t>& tables)
      : stories_(stories),
        world_(*stories.world),
        emulated_(world_.layout()),
        layout_(layout),
        word_(layout.pointer_size),
        places_(word_ == 8 ? places64 : places32),
        tables_(tables) {
    data_.layout = layout;
  }
  KernelData make(const MachineSize& size);

 private:
  VirtualMemory& memory() { return data_.memory; }
  const GuestMemory& source() const { return world_.memory(); }
  void put_word(std::uint64_t address, std::uint64_t value) {
    if (word_ == 8)
      memory().put(address, value);
    else
      memory().put(address, static_cast<std::uint32_t>(value));
  }
  std::uint64_t object(std::uint64_t size) {
    const std::uint64_t address = next_object_;
    memory().map(address, size);
    next_object_ = (address + size + 0x1f) & ~0xfull;
    return address;
  }
  void copy_pages(std::uint64_t address, std::uint64_t size) {
    memory().map(address, size);
    memory().write(address, source().read(address, size));
  }
  void copy_emulated();
  std::uint64_t place_stack(std::uint64_t size) {
    next_stack_ += size + 0x1000;  // a guard page between them
    return next_stack_;
  }

  ProcessTruth& add_process(const std::string& name, std::uint64_t id, std::uint64_t address = 0);
  // Puts an ETHREAD at `address` whose stack control is in memory already.
  void write_thread(std::uint64_t address, const ProcessTruth& process, const MachineThread& thread,
                    const Thread& ran, const Relocation& moved);
  void add_waiting(const Story& story, std::size_t process, std::uint64_t id,
                   std::uint64_t address = 0, std::uint64_t stack_base = 0);
  void add_running(std::size_t process, const ThreadTruth& truth);
  void adapt_stack_control(const StackSegment& segment, const StackSegment* previous);
  void page_stack_out(MachineThread& thread);
  void add_processors();
  void add_modules();
  std::uint64_t add_name(const std::string& text);
  void link(std::uint64_t head, const std::vector<std::uint64_t>& entries);
  void link_all();

  const Stories& stories_;
  const KernelObjects& world_;
  const KernelLayout& emulated_;
  const KernelLayout& layout_;
  const std::uint64_t word_;
  const Places& places_;
  const std::vector<std::uint64_t>& tables_;
  KernelData data_;
  std::uint64_t next_object_ = places_.pool, next_stack_ = places_.stacks,
                next_name_ = places_.names;
  std::vector<std::vector<std::uint64_t>> threads_of_;  // by process
};

void Maker::copy_emulated() {
  put_shared_data(memory(), layout_);
  for (const LoadedImage& image : world_.images()) copy_pages(image.base, image.size);
  copy_pages(emulated_.pool, emulated_pool_size);
  for (unsigned i = 0; i < world_.processors(); i++) {
    const std::uint64_t top = world_.pointer(world_.prcb(i) + emulated_.prcb.dpc_stack);
    const std::uint64_t base = (top + 0xfff) & ~0xfffull;
    copy_pages(base - emulated_.kernel_stack_size, emulated_.kernel_stack_size);
  }
  for (const ThreadTruth& thread : stories_.crash.threads)
    copy_pages(thread.segments.back().limit,
               thread.segments.back().base - thread.segments.back().limit);
  // A task gate's tables and stack.
  for (const Crash::Memory& more : stories_.crash.more) copy_pages(more.address, more.size);
  if (!stories_.crash.more.empty()) {
    const StackSegment& stack = stories_.crash.threads[stories_.crash.crashed].segments.front();
    copy_pages(stack.limit, stack.base - stack.limit);
  }
  data_.large.push_back(world_.images().front().base);
}

ProcessTruth& Maker::add_process(const std::string& name, std::uint64_t id, std::uint64_t address) {
  ProcessTruth process;
  process.eprocess = address ? address : object(layout_.eprocess.size);
  memory().map(process.eprocess, layout_.eprocess.size);
  process.id = id;
  process.parent = id == 0 || id == 4 ? 0 : 0x15ec;
  process.name = name;
  process.directory_table_base = tables_.at(data_.processes.size());
  process.peb = id <= 4 ? 0 : places_.peb;
  const auto& e = layout_.eprocess;
  const std::uint64_t at = process.eprocess;
  memory().put(at, std::uint32_t{0x00260003});
  put_word(at + e.directory_table_base, process.directory_table_base);
  put_word(at + e.unique_process_id, process.id);
  put_word(at + e.inherited_from, process.parent);
  put_word(at + e.peb, process.peb);
  for (std::size_t i = 0; i < std::min<std::size_t>(name.size(), 14); i++)
    memory().put(at + e.image_file_name + i, name[i]);
  put_process_facts(memory(), layout_, process);
  data_.processes.push_back(process);
  threads_of_.emplace_back();
  return data_.processes.back();
}

// The emulated kernel's KSTACK_CONTROL is Windows 8's and later: what comes before them has a
// segment's own record of five words first.
void Maker::adapt_stack_control(const StackSegment& segment, const StackSegment* previous) {
  if (layout_.previous_segment == emulated_.previous_segment) return;
  const std::uint64_t control = segment.initial_stack;
  const std::uint64_t words[] = {segment.base,
                                 segment.limit,
                                 0,
                                 control,
                                 segment.limit,
                                 previous ? previous->base : 0,
                                 previous ? previous->limit : 0,
                                 previous ? previous->used_from : 0,
                                 previous ? previous->initial_stack : 0};
  for (std::size_t i = 0; i < std::size(words); i++) memory().put(control + 8 * i, words[i]);
}

void Maker::write_thread(std::uint64_t address, const ProcessTruth& process,
                         const MachineThread& thread, const Thread& ran, const Relocation& moved) {
  const auto& k = layout_.kthread;
  const auto& e = layout_.ethread;
  const StackSegment& stack = thread.truth.segments.front();
  const auto emulated = [&](std::uint16_t at) { return world_.pointer(ran.ethread + at); };
  memory().put(address, std::uint32_t{6});
  put_word(address + k.initial_stack, stack.initial_stack);
  put_word(address + k.stack_limit, stack.limit);
  put_word(address + k.stack_base, stack.base);
  put_word(address + k.kernel_stack, moved(emulated(emulated_.kthread.kernel_stack)));
  put_word(address + k.trap_frame, moved(emulated(emulated_.kthread.trap_frame)));
  for (const unsigned mode : {0u, 1u}) {
    const std::uint64_t head = address + k.apc_list_head + 2 * word_ * mode;
    put_word(head, head);
    put_word(head + word_, head);
  }
  put_word(address + k.apc_process, process.eprocess);
  put_word(address + k.process, process.eprocess);
  put_word(address + k.teb, process.id <= 4 ? 0 : ran.teb);
  memory().put(address + k.state, thread.state);
  memory().put(address + k.wait_reason, thread.wait_reason);
  put_word(address + k.wait_block_list, moved(emulated(emulated_.kthread.wait_block_list)));
  put_word(address + e.cid, process.id);
  put_word(address + e.cid + word_, thread.truth.id);
  put_word(address + e.start_address, places_.start_address);
  put_word(address + e.win32_start_address, places_.win32_start_address);
  put_thread_facts(memory(), layout_, address, thread.truth.id, thread.stack_paged_out);
}

void Maker::add_waiting(const Story& story, std::size_t process, std::uint64_t id,
                        std::uint64_t address, std::uint64_t stack_base) {
  const std::uint64_t object_at = address ? address : object(layout_.ethread.size);
  memory().map(object_at, layout_.ethread.size);
  MachineThread thread{story.truth, data_.processes[process].id, story.state, story.wait_reason};
  Relocation moved;
  moved.add(story.thread.ethread, emulated_.ethread.size, object_at);
  for (StackSegment& segment : thread.truth.segments) {
    const std::uint64_t size = segment.base - segment.limit;
    const std::uint64_t base = stack_base ? stack_base : place_stack(size);
    memory().map(base - size, size);
    moved.add(segment.limit, size, base - size);
  }
  for (std::size_t i = 0; i < story.stacks.size(); i++) {
    std::vector<std::uint8_t> bytes = story.stacks[i];
    for (std::size_t at = 0; at + word_ <= bytes.size(); at += word_) {
      std::uint64_t word = 0;
      std::memcpy(&word, &bytes[at], word_);
      word = moved(word);
      std::memcpy(&bytes[at], &word, word_);
    }
    memory().write(moved(story.truth.segments[i].limit), bytes);
  }
  for (StackSegment& segment : thread.truth.segments) {
    for (std::uint64_t* field :
         {&segment.base, &segment.limit, &segment.initial_stack, &segment.used_from})
      *field = moved(*field);
  }
  auto& segments = thread.truth.segments;
  for (std::size_t i = 0; i < segments.size(); i++)
    adapt_stack_control(segments[i], i + 1 < segments.size() ? &segments[i + 1] : nullptr);
  for (TruthFrame& frame : thread.truth.frames) {
    frame.child_sp = moved(frame.child_sp);
    frame.return_slot = moved(frame.return_slot);
    if (frame.trap_frame != 0) frame.trap_frame = moved(frame.trap_frame);
  }
  thread.truth.id = static_cast<std::uint32_t>(id);
  thread.truth.ethread = object_at;
  const std::size_t number = data_.threads.size();
  if (!address && number % 97 == 5) thread.state = 1;  // ready, and not yet chosen to run
  if (!address && number % 331 == 7) page_stack_out(thread);
  write_thread(object_at, data_.processes[process], thread, story.thread, moved);
  threads_of_[process].push_back(object_at);
  data_.threads.push_back(std::move(thread));
}

void Maker::page_stack_out(MachineThread& thread) {
  thread.stack_paged_out = true;
  for (const StackSegment& segment : thread.truth.segments)
    for (std::uint64_t at = segment.limit; at < segment.base; at += 0x1000)
      data_.paged_out.push_back(at);
}

void Maker::add_running(std::size_t process, const ThreadTruth& truth) {
  const std::uint64_t object_at = object(layout_.ethread.size);
  MachineThread thread{truth, data_.processes[process].id, 2, 0};
  // The thread's own stack; a DPC's is its processor's.
  MachineThread own = thread;
  own.truth.segments = {truth.segments.back()};
  Thread ran;
  ran.ethread = truth.ethread;
  ran.teb = world_.pointer(truth.ethread + emulated_.kthread.teb);
  adapt_stack_control(own.truth.segments.front(), nullptr);
  thread.truth.ethread = object_at;
  write_thread(object_at, data_.processes[process], own, ran, {});
  threads_of_[process].push_back(object_at);
  data_.threads.push_back(std::move(thread));
}

void Maker::add_processors() {
  const auto& p = layout_.prcb;
  const auto& from = emulated_.prcb;
  for (unsigned i = 0; i < world_.processors(); i++) {
    const std::uint64_t pcr = world_.pcr(i), prcb = pcr + layout_.pcr.prcb;
    memory().map(pcr, layout_.pcr_size);
    put_word(pcr + layout_.pcr.self, pcr);
    if (layout_.pcr.current_prcb != 0) put_word(pcr + layout_.pcr.current_prcb, prcb);
    const auto thread = std::ranges::find_if(
        data_.threads, [&](const MachineThread& each) { return each.truth.processor == i; });
    put_word(prcb + p.current_thread, thread->truth.ethread);
    memory().put(prcb + p.number, i);
    if (p.rsp_base != 0) put_word(prcb + p.rsp_base, thread->truth.segments.back().initial_stack);
    put_word(prcb + p.dpc_stack, world_.pointer(world_.prcb(i) + from.dpc_stack));
    if (p.isr_stack != 0)
      put_word(prcb + p.isr_stack, world_.pointer(world_.prcb(i) + from.isr_stack));
    memory().put(prcb + p.dpc_routine_active,
                 source().get<std::uint8_t>(world_.prcb(i) + from.dpc_routine_active));
    const std::uint64_t idle =
        thread->process_id == 0 ? thread->truth.ethread : object(layout_.ethread.size);
    memory().put(idle, std::uint32_t{6});
    put_word(prcb + p.idle_thread, idle);
    const std::uint64_t context = object(layout_.context_allocation);
    std::vector<std::uint8_t> registers = thread->truth.context;
    if (layout_.machine == 0x8664)  // MxCsr, in FltSave too
      std::copy_n(registers.begin() + 0x34, 4, registers.begin() + 0x118);
    memory().write(context, registers);
    put_word(prcb + p.context, context);
    put_word(world_.nt("KiProcessorBlock") + word_ * i, prcb);
    if (i == stories_.crash.crashed) data_.crash_context = registers;
  }
}

// A UNICODE_STRING with its text; names lie together on pages of their own.
std::uint64_t Maker::add_name(const std::string& text) {
  const std::uint64_t at = next_name_;
  memory().map(at, 0x10 + 2 * text.size());
  memory().put(at, static_cast<std::uint16_t>(2 * text.size()));
  memory().put(at + 2, static_cast<std::uint16_t>(2 * text.size()));
  put_word(at + word_, at + 0x10);
  for (std::size_t i = 0; i < text.size(); i++)
    memory().put(at + 0x10 + 2 * i, static_cast<std::uint16_t>(text[i]));
  next_name_ = (at + 0x10 + 2 * text.size() + 0xf) & ~0xfull;
  return at;
}

// KLDR_DATA_TABLE_ENTRYs (the SDK's wdbgexts.h) and one of MmUnloadedDrivers.
void Maker::add_modules() {
  struct Entry {
    std::uint64_t base, entry_point, size, path, name, checksum, timestamp, bytes;
  };
  const Entry at = word_ == 8 ? Entry{0x30, 0x38, 0x40, 0x48, 0x58, 0x78, 0x80, 0xa0}
                              : Entry{0x18, 0x1c, 0x20, 0x24, 0x2c, 0x40, 0x44, 0x50};
  data_.through_prototype.push_back(places_.names);
  std::vector<std::uint64_t> entries;
  const auto put_string = [&](std::uint64_t string, const std::string& text) {
    const std::uint64_t name = add_name(text);
    memory().put(string, static_cast<std::uint32_t>(2 * text.size() << 16 | 2 * text.size()));
    put_word(string + word_, name + 0x10);
  };
  for (const LoadedImage& image : world_.images()) {
    const bool is_nt = image.file_name == "ntoskrnl.exe";
    const std::string path =
        (is_nt ? "\\SystemRoot\\system32\\" : "\\SystemRoot\\System32\\drivers\\") +
        image.file_name;
    const std::uint64_t entry = object(at.bytes);
    put_word(entry + at.base, image.base);
    put_word(entry + at.entry_point, image.base + image.entry_point);
    memory().put(entry + at.size, image.size);
    put_string(entry + at.path, path);
    put_string(entry + at.name, image.file_name);
    memory().put(entry + at.checksum, image.checksum);
    memory().put(entry + at.timestamp, image.timestamp);
    entries.push_back(entry);
    data_.modules.push_back({path, image.base, image.size, image.timestamp, image.checksum});
  }
  link(world_.nt("PsLoadedModuleList"), entries);

  data_.unloaded = {"rdpdr.sys", places_.unloaded, 0x2f000};
  const std::uint64_t unloaded = object(50 * (4 * word_ + 8));
  put_string(unloaded, data_.unloaded.path);
  put_word(unloaded + 2 * word_, data_.unloaded.base);
  put_word(unloaded + 3 * word_, data_.unloaded.base + data_.unloaded.size);
  put_word(world_.nt("MmUnloadedDrivers"), unloaded);
  memory().put(world_.nt("MmLastUnloadedDriver"), std::uint32_t{1});
}

void Maker::link(std::uint64_t head, const std::vector<std::uint64_t>& entries) {
  std::uint64_t before = head;
  for (const std::uint64_t entry : entries) {
    put_word(before, entry);
    put_word(entry + word_, before);
    before = entry;
  }
  put_word(before, head);
  put_word(head + word_, before);
}

void Maker::link_all() {
  const auto& e = layout_.eprocess;
  std::vector<std::uint64_t> active;
  for (std::size_t i = 0; i < data_.processes.size(); i++) {
    const ProcessTruth& process = data_.processes[i];
    if (process.id != 0) active.push_back(process.eprocess + e.active_process_links);
    std::vector<std::uint64_t> kernel, executive;
    for (const std::uint64_t thread : threads_of_[i]) {
      kernel.push_back(thread + layout_.kthread.thread_list_entry);
      executive.push_back(thread + layout_.ethread.thread_list_entry);
    }
    link(process.eprocess + e.kprocess_thread_list_head, kernel);
    link(process.eprocess + e.thread_list_head, executive);
    memory().put(process.eprocess + e.active_threads,
                 static_cast<std::uint32_t>(threads_of_[i].size()));
  }
  link(world_.nt("PsActiveProcessHead"), active);
}

KernelData Maker::make(const MachineSize& size) {
  copy_emulated();
  add_process("System", 4);
  add_process(stories_.running_name, stories_.running_id, stories_.running_process);
  add_process("ConsoleApp1.exe", 0x1bc8, stories_.console.empty() ? 0 : console_process);
  while (data_.processes.size() + 1 < size.processes) {
    const std::size_t i = data_.processes.size();
    add_process(common_names[i % std::size(common_names)], 0x5000 + 4 * i);
  }
  add_process("Idle", 0);
  for (const ThreadTruth& truth : stories_.crash.threads)
    add_running(truth.role == "idle" ? data_.processes.size() - 1 : 1, truth);
  for (std::size_t i = 0; i < stories_.console.size(); i++)
    add_waiting(stories_.console[i], 2, console_ids[i], console_threads[i],
                i == 0 ? console_stack_base : 0);
  data_.in_transition.push_back(data_.threads.back().truth.segments.front().used_from & ~0xfffull);
  std::vector<const Story*> stories;
  for (const Story& story : stories_.user) stories.push_back(&story);
  const std::size_t others = data_.processes.size() - 4;  // neither the first three nor the idle
  for (std::size_t i = 0; data_.threads.size() < size.threads; i++) {
    const std::uint64_t id = 0x10000 + 4 * i;
    if (i % 10 == 0 || others == 0)
      add_waiting(stories_.system.front(), 0, id);
    else
      add_waiting(*stories[i % stories.size()], 3 + i % others, id);
  }
  add_processors();
  add_modules();
  link_all();
  memory().map(places_.prototypes, 0x1000);
  data_.prototype_entries = places_.prototypes;
  put_debugger_data(data_, world_);
  for (ProcessTruth& process : data_.processes) {
    if (process.peb != 0) process.user_pages.push_back(process.peb);
    for (const MachineThread& thread : data_.threads) {
      if (thread.process_id != process.id || thread.truth.user_rip == 0) continue;
      for (const std::uint64_t at : {thread.truth.user_rip, thread.truth.user_rsp}) {
        if (std::ranges::find(process.user_pages, at & ~0xfffull) == process.user_pages.end())
          process.user_pages.push_back(at & ~0xfffull);
      }
    }
  }
  return std::move(data_);
}

}  // namespace

KernelData make_kernel(const Stories& stories, const KernelLayout& layout, const MachineSize& size,
                       const std::vector<std::uint64_t>& tables) {
  return Maker(stories, layout, tables).make(size);
}

}  // namespace ntstack::world
