// For tests: a kernel's processes, threads and processors in memory, their fields at offsets drawn
// by chance. The layout is ours, and so is the truth.
#pragma once

#include <cstring>
#include <map>
#include <random>
#include <set>
#include <string>

#include "target/offsets/offsets.h"
#include "target/offsets/probe_objects.h"

namespace ntstack::target {

// Pages by address; what is written makes them.
class FakeMemory : public base::ByteSource {
 public:
  std::size_t read(std::uint64_t address, std::span<std::byte> out) const override {
    std::size_t done = 0;
    while (done < out.size()) {
      const auto page = pages_.find((address + done) & ~0xfffull);
      if (page == pages_.end()) break;
      const std::size_t from = (address + done) % 0x1000;
      const std::size_t size = std::min(out.size() - done, 0x1000 - from);
      std::memcpy(&out[done], &page->second[from], size);
      done += size;
    }
    return done;
  }
  std::uint64_t hole_end(std::uint64_t address) const override {
    const auto page = pages_.lower_bound(address);
    return page == pages_.end() ? UINT64_MAX : page->first;
  }
  void put(std::uint64_t address, std::uint64_t value, std::size_t size) {
    for (std::size_t i = 0; i < size; ++i)
      page(address + i)[(address + i) % 0x1000] = static_cast<std::byte>(value >> (8 * i));
  }
  void drop(std::uint64_t address) { pages_.erase(address & ~0xfffull); }

 private:
  std::vector<std::byte>& page(std::uint64_t address) {
    auto& page = pages_[address & ~0xfffull];
    page.resize(0x1000);
    return page;
  }
  std::map<std::uint64_t, std::vector<std::byte>> pages_;
};

class FakeKernel {
 public:
  FakeKernel(base::Architecture architecture, unsigned seed, unsigned processes = 9,
             unsigned threads_of_each = 5);

  ProbeStart start() const { return {memory_, architecture_, head_, prcbs_, {nt_}}; }
  FakeMemory& memory() { return memory_; }
  std::uint32_t at(Field field) const { return layout_.at(field); }
  const std::map<Field, std::uint32_t>& layout() const { return layout_; }
  const std::vector<std::uint64_t>& processes() const { return processes_; }
  const std::vector<std::uint64_t>& threads() const { return threads_; }
  std::uint32_t word() const { return wide_ ? 8 : 4; }
  bool wide() const { return wide_; }
  void put(std::uint64_t address, std::uint64_t value) { memory_.put(address, value, word()); }
  std::uint64_t chance(std::uint64_t below) { return random_() % below; }

 private:
  void choose_layout();
  std::uint64_t object(std::uint8_t type, std::uint32_t size);
  void add_process(unsigned number);
  void add_thread(unsigned process, unsigned number);
  void add_processor(unsigned number);
  void link(std::uint64_t head, const std::vector<std::uint64_t>& entries);
  std::uint64_t noise();

  base::Architecture architecture_;
  bool wide_;
  bool lies_close_;  // every object right behind the one before it
  bool has_room_;    // above InitialStack; before Windows Vista, there is none
  std::mt19937_64 random_;
  FakeMemory memory_;
  std::map<Field, std::uint32_t> layout_;
  std::uint32_t process_size_, thread_size_;
  std::uint64_t base_, next_object_, next_stack_, head_;
  ImageRange nt_;
  std::vector<std::uint64_t> processes_, threads_, prcbs_, ids_;
  std::map<std::uint64_t, std::vector<std::uint64_t>> threads_of_;
};

// Distinct places for fields, in words, between two bounds; rising where `in_order`.
inline std::vector<std::uint32_t> places(std::mt19937_64& random, std::uint32_t first,
                                         std::uint32_t end, std::uint32_t word,
                                         const std::vector<std::uint32_t>& sizes) {
  std::set<std::uint32_t> taken;
  std::vector<std::uint32_t> found;
  for (const std::uint32_t size : sizes) {
    for (;;) {
      const std::uint32_t at =
          first + word * static_cast<std::uint32_t>(random() % ((end - first) / word - size));
      bool is_free = true;
      for (std::uint32_t i = 0; i < size; ++i) is_free &= !taken.contains(at + i * word);
      if (!is_free) continue;
      for (std::uint32_t i = 0; i < size; ++i) taken.insert(at + i * word);
      found.push_back(at);
      break;
    }
  }
  return found;
}

inline FakeKernel::FakeKernel(base::Architecture architecture, unsigned seed, unsigned processes,
                              unsigned threads_of_each)
    : architecture_(architecture),
      wide_(base::is_64_bit(architecture)),
      lies_close_(seed % 2 == 0),
      has_room_(seed % 3 != 0),
      random_(seed) {
  base_ = wide_ ? 0xffff800000000000 : 0x80000000;
  next_object_ = base_ + 0x1000000;
  next_stack_ = base_ + 0x8000000;
  nt_ = {base_ + 0x400000, base_ + 0xc00000};
  head_ = nt_.base + 0x300000;
  process_size_ = wide_ ? 0xa80 : 0x320;
  thread_size_ = wide_ ? 0x8a0 : 0x300;
  choose_layout();
  for (unsigned i = 0; i < processes; ++i) add_process(i);
  for (unsigned i = 0; i < processes; ++i)
    for (unsigned k = 0; k < threads_of_each; ++k) add_thread(i, k);
  for (unsigned i = 0; i < 4; ++i) add_processor(i);
  std::vector<std::uint64_t> active;
  for (const std::uint64_t process : processes_) {
    active.push_back(process + at(Field::eprocess_active_process_links));
    std::vector<std::uint64_t> kernel, executive;
    for (const std::uint64_t thread : threads_of_[process]) {
      kernel.push_back(thread + at(Field::kthread_thread_list_entry));
      executive.push_back(thread + at(Field::ethread_thread_list_entry));
    }
    link(process + at(Field::kprocess_thread_list_head), kernel);
    link(process + at(Field::eprocess_thread_list_head), executive);
  }
  link(head_, active);
}

inline void FakeKernel::choose_layout() {
  const std::uint32_t w = word();
  const auto take = [&](std::uint32_t first, std::uint32_t end,
                        const std::vector<std::pair<Field, std::uint32_t>>& fields) {
    std::vector<std::uint32_t> sizes;
    for (const auto& [field, size] : fields) sizes.push_back(size);
    const auto found = places(random_, first, end, w, sizes);
    for (std::size_t i = 0; i < fields.size(); ++i) layout_[fields[i].first] = found[i];
  };
  layout_[Field::kprocess_directory_table_base] = wide_ ? 0x28 : 0x18;
  take(8 * w, 20 * w, {{Field::kprocess_thread_list_head, 2}});
  take(20 * w, 40 * w, {{Field::eprocess_unique_process_id, 3}});
  layout_[Field::eprocess_active_process_links] = at(Field::eprocess_unique_process_id) + w;
  take(45 * w, process_size_,
       {{Field::eprocess_parent_id, 1},
        {Field::eprocess_peb, 1},
        {Field::eprocess_image_file_name, 4},
        {Field::eprocess_thread_list_head, 2}});
  take(4 * w + 8, 90 * w,
       {{Field::kthread_initial_stack, 1},
        {Field::kthread_stack_limit, 1},
        {Field::kthread_stack_base, 1},
        {Field::kthread_kernel_stack, 1},
        {Field::kthread_trap_frame, 1},
        {Field::kthread_apc_state, 5},
        {Field::kthread_process, 1},
        {Field::kthread_teb, 1},
        {Field::kthread_state, 1},
        {Field::kthread_thread_list_entry, 2}});
  auto &initial = layout_[Field::kthread_initial_stack], &base = layout_[Field::kthread_stack_base];
  if (!has_room_ && initial > base) std::swap(initial, base);
  layout_[Field::kthread_apc_process] = at(Field::kthread_apc_state) + 4 * w;
  layout_[Field::kthread_state] += static_cast<std::uint32_t>(chance(w));
  take(95 * w, thread_size_, {{Field::ethread_cid, 2}, {Field::ethread_thread_list_entry, 2}});
  layout_[Field::kprcb_current_thread] = w;
  layout_[Field::kprcb_idle_thread] = 3 * w;
}

// What fields that nobody asks for hold.
inline std::uint64_t FakeKernel::noise() {
  switch (chance(6)) {
    case 0:
      return chance(64);
    case 1:
      return base_ + 0x1000000 + chance(0x100000) * 8;
    case 2:
      return wide_ ? random_() : random_() & 0xffffffff;
    case 3:
      return nt_.base + chance(0x800000);
    default:
      return 0;
  }
}

inline std::uint64_t FakeKernel::object(std::uint8_t type, std::uint32_t size) {
  const std::uint64_t address = next_object_ + 16 * (1 + (lies_close_ ? 0 : chance(8)));
  next_object_ = address + size;
  for (std::uint32_t i = 0; i < size; i += word()) put(address + i, noise());
  memory_.put(address, type, 4);
  memory_.put(address + 4, 0, 4);
  put(address + 8, address + 8);
  put(address + 8 + word(), address + 8);
  return address;
}

inline void FakeKernel::add_process(unsigned number) {
  const std::uint64_t process = object(kProcessType, process_size_);
  processes_.push_back(process);
  const std::uint64_t id = number == 0 ? 4 : 0x200 + 4 * (number * 31 + chance(16));
  ids_.push_back(id);
  put(process + at(Field::eprocess_unique_process_id), id);
  put(process + at(Field::kprocess_directory_table_base), 0x100000 + number * 0x7000);
  put(process + at(Field::eprocess_parent_id), number == 0 ? 0 : ids_[number / 2]);
  put(process + at(Field::eprocess_peb), number == 0 ? 0 : 0x7f000000 + number * 0x11000);
  const std::string name = number == 0 ? "System" : "process" + std::to_string(number) + ".exe";
  for (std::uint32_t i = 0; i < 15; ++i)
    memory_.put(process + at(Field::eprocess_image_file_name) + i,
                i < name.size() ? static_cast<unsigned char>(name[i]) : 0, 1);
  memory_.put(process + at(Field::eprocess_image_file_name) + 15, 0, 1);
}

inline void FakeKernel::add_thread(unsigned process_number, unsigned number) {
  const std::uint64_t process = processes_[process_number];
  const std::uint64_t thread = object(kThreadType, thread_size_);
  threads_.push_back(thread);
  threads_of_[process].push_back(thread);
  const std::uint64_t size = 0x3000 + 0x1000 * chance(4), limit = next_stack_, base = limit + size;
  next_stack_ = base + 0x1000;
  for (std::uint64_t i = limit; i < base; i += 0x400) put(i, noise());
  const std::uint64_t initial = has_room_ ? base - 0x250 : base,
                      kernel = initial - 0x400 - 16 * chance(40);
  const std::uint64_t id = 0x1000 + 4 * (process_number * 64 + number * 3);
  put(thread + at(Field::kthread_initial_stack), initial);
  put(thread + at(Field::kthread_stack_limit), limit);
  put(thread + at(Field::kthread_stack_base), base);
  put(thread + at(Field::kthread_kernel_stack), kernel);
  const bool is_x64 = architecture_ == base::Architecture::x64;
  put(kernel + (is_x64 ? 0x38 : 8), nt_.base + 0x1234 + chance(64));
  const std::uint64_t frame = initial - 0x190 - 16;
  put(thread + at(Field::kthread_trap_frame), process_number == 0 ? 0 : frame);
  if (is_x64) memory_.put(frame + 0x170, 0x33, 2);
  if (!wide_) memory_.put(frame + 0x6c, 0x1b, 2);
  if (architecture_ == base::Architecture::arm64) put(frame + 0x148, 0x7ff612340000);
  for (const std::uint32_t mode : {0u, 2u}) {
    const std::uint64_t head = thread + at(Field::kthread_apc_state) + mode * word();
    put(head, head);
    put(head + word(), head);
  }
  put(thread + at(Field::kthread_apc_process), process);
  put(thread + at(Field::kthread_process), process);
  put(thread + at(Field::kthread_teb), process_number == 0 ? 0 : 0x7e000000 + number * 0x2000);
  memory_.put(thread + at(Field::kthread_state), 5, 1);
  put(thread + at(Field::ethread_cid), ids_[process_number]);
  put(thread + at(Field::ethread_cid) + word(), id);
}

inline void FakeKernel::add_processor(unsigned number) {
  const std::uint64_t prcb = base_ + 0x4000000 + number * 0x10000;
  for (std::uint32_t i = 0; i < 0x200; i += word()) put(prcb + i, noise());
  const std::uint64_t thread = threads_[number * 7 % threads_.size()];
  put(prcb + at(Field::kprcb_current_thread), thread);
  put(prcb + 2 * word(), 0);
  put(prcb + at(Field::kprcb_idle_thread), object(kThreadType, thread_size_));
  memory_.put(thread + at(Field::kthread_state), 2, 1);
  prcbs_.push_back(prcb);
}

inline void FakeKernel::link(std::uint64_t head, const std::vector<std::uint64_t>& entries) {
  std::uint64_t before = head;
  for (const std::uint64_t entry : entries) {
    put(before, entry);
    put(entry + word(), before);
    before = entry;
  }
  put(before, head);
  put(head + word(), before);
}

}  // namespace ntstack::target
