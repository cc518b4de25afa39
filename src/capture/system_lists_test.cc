// Replies written here after the same public layouts: what Wine's kernel answers is compared in
// tests/capture_wine.
#include "capture/system_lists.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>

#include "capture/native_layout.h"

namespace ntstack::capture {
namespace {

constexpr std::uint64_t kAddress = 0x10000;

struct Reply {
  std::vector<std::byte> bytes;
  template <class T>
  std::size_t add(const T& value) {
    const std::size_t at = bytes.size();
    bytes.resize(at + sizeof(T));
    std::memcpy(bytes.data() + at, &value, sizeof(T));
    return at;
  }
  template <class T>
  void put(std::size_t at, const T& value) {
    std::memcpy(bytes.data() + at, &value, sizeof(T));
  }
  base::Bytes view() const { return base::Bytes(bytes); }
};

template <class Word>
class SystemLists : public testing::Test {
 protected:
  // A process with `threads` threads (IDs id+4, id+8, ...), and its name behind them.
  void add_process(std::uint32_t id, std::uint32_t threads, std::u16string_view name, bool last) {
    native::ProcessEntry<Word> entry;
    entry.process_id = id;
    entry.number_of_threads = threads;
    entry.create_time = 0x1d0000000000000 + id;
    const std::size_t at = reply.add(entry);
    for (std::uint32_t i = 1; i <= threads; ++i) {
      native::ExtendedThreadEntry<Word> thread;
      thread.thread.process_id = id;
      thread.thread.thread_id = id + 4 * i;
      thread.thread.state = 5;
      thread.thread.wait_reason = 6;
      thread.win32_start_address = 0x401000;
      thread.teb = 0x7000 + 0x1000 * i;
      reply.add(thread);
    }
    const std::size_t name_at = reply.bytes.size();
    for (const char16_t c : name) reply.add(c);
    reply.bytes.resize((reply.bytes.size() + 7) / 8 * 8);
    entry.image_name = {static_cast<std::uint16_t>(name.size() * 2),
                        static_cast<std::uint16_t>(name.size() * 2),
                        static_cast<Word>(kAddress + name_at)};
    entry.next_entry_offset = last ? 0 : static_cast<std::uint32_t>(reply.bytes.size() - at);
    reply.put(at, entry);
  }
  Reply reply;
};
using Words = testing::Types<std::uint32_t, std::uint64_t>;
TYPED_TEST_SUITE(SystemLists, Words);

TYPED_TEST(SystemLists, EveryProcessAndThreadIsRead) {
  this->add_process(0, 1, u"", false);
  this->add_process(4, 2, u"", false);
  this->add_process(100, 3, u"w3wp.exe", true);
  const auto list = read_process_list<TypeParam>(this->reply.view(), kAddress, true);
  ASSERT_EQ(list.size(), 3u);
  EXPECT_EQ(list[0].name, "Idle");
  EXPECT_EQ(list[1].name, "System");
  EXPECT_EQ(list[2].name, "w3wp.exe");
  EXPECT_EQ(list[2].create_time, 0x1d0000000000000u + 100);
  ASSERT_EQ(list[2].threads.size(), 3u);
  EXPECT_EQ(list[2].threads[2].id, 112u);
  EXPECT_EQ(list[2].threads[2].process_id, 100u);
  EXPECT_EQ(list[2].threads[2].teb, 0xa000u);
  EXPECT_EQ(list[2].threads[2].start_address, 0x401000u);
  EXPECT_EQ(list[2].threads[0].state, 5);
  EXPECT_EQ(list[2].threads[0].wait_reason, 6);
}

TYPED_TEST(SystemLists, AReplyCutOffAnywhereGivesWhatIsThere) {
  this->add_process(4, 2, u"System", false);
  this->add_process(100, 3, u"w3wp.exe", true);
  const base::Bytes whole = this->reply.view();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const auto cut = std::vector<std::byte>(whole.data(), whole.data() + size);
    for (const auto& process : read_process_list<TypeParam>(base::Bytes(cut), kAddress, true))
      EXPECT_LE(process.threads.size(), 3u);
  }
}

TYPED_TEST(SystemLists, AThreadCountBeyondTheEntryStopsAtTheNextEntry) {
  this->add_process(4, 2, u"", false);
  this->add_process(100, 1, u"a.exe", true);
  auto entry = *this->reply.view().template get<native::ProcessEntry<TypeParam>>(0);
  entry.number_of_threads = 0xffffffff;
  this->reply.put(0, entry);
  const auto list = read_process_list<TypeParam>(this->reply.view(), kAddress, true);
  ASSERT_EQ(list.size(), 2u);
  EXPECT_EQ(list[0].threads.size(), 2u);
}

TYPED_TEST(SystemLists, AnEntryThatLeadsBackIntoItselfEndsTheList) {
  this->add_process(4, 0, u"", false);
  this->add_process(8, 0, u"", true);
  auto entry = *this->reply.view().template get<native::ProcessEntry<TypeParam>>(0);
  entry.next_entry_offset = 8;
  this->reply.put(0, entry);
  EXPECT_TRUE(read_process_list<TypeParam>(this->reply.view(), kAddress, true).empty());
}

TYPED_TEST(SystemLists, ANameThatPointsOutOfTheReplyIsNotRead) {
  this->add_process(100, 0, u"a.exe", true);
  auto entry = *this->reply.view().template get<native::ProcessEntry<TypeParam>>(0);
  for (const std::uint64_t buffer :
       {kAddress - 2, kAddress + this->reply.bytes.size() - 2, std::uint64_t{UINT32_MAX}}) {
    entry.image_name.buffer = static_cast<TypeParam>(buffer);
    this->reply.put(0, entry);
    const auto list = read_process_list<TypeParam>(this->reply.view(), kAddress, true);
    ASSERT_EQ(list.size(), 1u);
    EXPECT_EQ(list[0].name, "");
  }
}

TYPED_TEST(SystemLists, HandlesOfTheOneProcessAreTaken) {
  native::HandleListHeader<TypeParam> header;
  header.count = 1000;  // more than are there
  this->reply.add(header);
  for (std::uint32_t i = 0; i < 6; ++i) {
    native::HandleEntry<TypeParam> entry;
    entry.object = static_cast<TypeParam>(0x80001000 + i);
    entry.process_id = i % 2 == 0 ? 100 : 200;
    entry.handle = 4 * i;
    entry.access = 0x1fffff;
    this->reply.add(entry);
  }
  const auto handles = read_handle_list<TypeParam>(this->reply.view(), 100);
  ASSERT_EQ(handles.size(), 3u);
  EXPECT_EQ(handles[2].handle, 16u);
  EXPECT_EQ(handles[2].object, 0x80001004u);
  EXPECT_EQ(handles[2].access, 0x1fffffu);
  EXPECT_TRUE(read_handle_list<TypeParam>(base::Bytes(), 100).empty());
}

TYPED_TEST(SystemLists, TheKernelsImagesAreTakenAsFarAsTheyAreThere) {
  this->reply.add(static_cast<TypeParam>(1000));  // more than are there
  for (std::uint32_t i = 0; i < 3; ++i) {
    native::ModuleEntry<TypeParam> entry;
    entry.image_base = static_cast<TypeParam>(0x80001000 + 0x1000 * i);
    entry.image_size = i == 2 ? UINT32_MAX : 0x1000;
    if (i == 0)
      std::memset(entry.path, 'n', sizeof entry.path);  // no end
    else
      std::strcpy(entry.path, "\\SystemRoot\\system32\\x\x01.sys");
    this->reply.add(entry);
  }
  const auto modules = read_module_list<TypeParam>(this->reply.view());
  ASSERT_EQ(modules.size(), 3u);
  EXPECT_EQ(modules[0].path.size(), 256u);
  EXPECT_EQ(modules[1].base, 0x80002000u);
  EXPECT_EQ(modules[1].path, "\\SystemRoot\\system32\\x?.sys");
  EXPECT_EQ(modules[2].size, UINT32_MAX);
  EXPECT_TRUE(read_module_list<TypeParam>(base::Bytes()).empty());
}

}  // namespace
}  // namespace ntstack::capture
