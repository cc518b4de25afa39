// Owners that only nt's types tell how to read: push locks by lock entries, ALPC messages, IRPs of
// a thread's list. Objects are written into the emulated machine's memory where the compiler that
// made nt's PDB says that their members are (OwnerTypeOffsets); which members say what is from the
// public PDBs of Windows and wdm.h, so in that truth is ours.
#include "waits/seed_waits.h"

namespace ntstack {
namespace {

using analysis::Certainty;
using analysis::ObjectKind;

enum Offset : std::uint64_t {
  second_lock_entry,
  lock_entry_size,
  lock_state,
  acquired,
  alpc_message,
  irp_list,
  server_thread,
  connection_port,
  owner_process
};

// The kernel of 1809 and before, and of later builds.
class OwnerTypes : public SeedWaits, public testing::WithParamInterface<const char*> {
 protected:
  OwnerTypes() : SeedWaits(modules(), modules()) {}
  static std::filesystem::path modules() {
    return tests::binary_dir() / "tests" / "waits" / "modules" / GetParam();
  }
  std::uint64_t at(Offset offset) const {
    return machine().get<std::uint64_t>(seed_.world->nt("OwnerTypeOffsets") + 8 * offset);
  }
  // A thread's lock entry: `number` 1 is its second.
  void put_lock_entry(std::uint64_t thread, std::uint64_t number, std::uint64_t state, bool has) {
    const std::uint64_t entry =
        thread + at(second_lock_entry) + at(lock_entry_size) * number - at(lock_entry_size);
    machine().put(entry + at(lock_state), state);
    machine().put(entry + at(acquired), static_cast<std::uint8_t>(has ? 1 : 0));
  }
  std::uint64_t worker() const { return with_role("switched worker").front(); }
  // The worker's stack, as if it waited in another function.
  stacks::Stack waiting_in(std::string_view function) const {
    for (const stacks::Stack& each : stacks_)
      if (each.thread && each.thread->address == worker()) {
        stacks::Stack stack = each;
        for (stacks::Frame& frame : stack.frames)
          if (frame.symbol.name == "ExpWaitForResource") frame.symbol.name = function;
        std::erase_if(stack.frames, [](const stacks::Frame& frame) {
          return frame.symbol.name.starts_with("ExAcquireResource");
        });
        return stack;
      }
    return {};
  }
};

TEST_P(OwnerTypes, APushLockIsHeldByThoseWhoseLockEntriesSaySo) {
  const std::uint64_t lock = seed_.world->pool(0x40), other = lock + 0x20;
  constexpr std::uint64_t in_tree = std::uint64_t{1} << 63;
  put_lock_entry(owner(), 1, lock | 1, true);           // flags of its own
  put_lock_entry(worker(), 1, lock & ~in_tree, false);  // waits for it
  put_lock_entry(worker(), 0, (other & ~in_tree) | 2, true);
  look(true);
  const auto held = owners(ObjectKind::push_lock, lock);
  ASSERT_EQ(held.holders.size(), 1u) << held.why_not_known;
  EXPECT_EQ(held.holders[0].thread, owner());
  EXPECT_EQ(held.holders[0].certainty, Certainty::fact);
  const auto second = owners(ObjectKind::push_lock, other);
  ASSERT_EQ(second.holders.size(), 1u);
  EXPECT_EQ(second.holders[0].thread, worker());
  const auto none = owners(ObjectKind::push_lock, other + 0x10);
  EXPECT_TRUE(none.holders.empty());
  EXPECT_EQ(none.why_not_known, "no thread's lock entries name it");
}

TEST_P(OwnerTypes, AnAlpcMessageIsWithTheThreadThatTookItOrTheProcessThatIsToTakeIt) {
  const std::uint64_t message = seed_.world->pool(0x200), port = seed_.world->pool(0x80);
  machine().put(worker() + at(alpc_message), message);
  machine().put(message + at(server_thread), owner());
  look(true);
  const auto wait = reader_->wait_of(waiting_in("AlpcpSignalAndWait"));
  ASSERT_TRUE(wait && wait->meant);
  EXPECT_EQ(wait->meant->kind, ObjectKind::alpc_message);
  EXPECT_EQ(wait->meant->address, message);
  EXPECT_EQ(wait->meant->certainty, Certainty::fact);
  const auto taken = owners(ObjectKind::alpc_message, message);
  ASSERT_EQ(taken.holders.size(), 1u) << taken.why_not_known;
  EXPECT_EQ(taken.holders[0].thread, owner());
  EXPECT_EQ(taken.holders[0].certainty, Certainty::fact);

  machine().put(message + at(server_thread), std::uint64_t{0});
  machine().put(message + at(connection_port), port);
  machine().put(port + at(owner_process), session_->machine().processes().front().address);
  look(true);
  const auto waits = owners(ObjectKind::alpc_message, message);
  ASSERT_EQ(waits.holders.size(), 1u) << waits.why_not_known;
  EXPECT_EQ(waits.holders[0].thread, 0u);
  EXPECT_NE(waits.holders[0].what.find("w3wp.exe"), std::string::npos) << waits.holders[0].what;

  machine().put(message + at(connection_port), std::uint64_t{0});
  look(true);
  EXPECT_TRUE(owners(ObjectKind::alpc_message, message).holders.empty());
}

// IRP, IO_STACK_LOCATION, DEVICE_OBJECT and DRIVER_OBJECT as wdm.h has them for x64.
TEST_P(OwnerTypes, AnIrpIsWithTheDriverOfItsCurrentStackLocation) {
  constexpr std::uint64_t thread_list_entry = 0x20, location_size = 0x48;
  const std::uint64_t irp = seed_.world->pool(0x200), device = seed_.world->pool(0x100),
                      driver = seed_.world->pool(0x100), name = seed_.world->pool(0x40);
  constexpr std::u16string_view text = u"\\FileSystem\\Ntfs";
  machine().put(irp, std::uint16_t{6});
  machine().put(irp + 2, static_cast<std::uint16_t>(0xd0 + 2 * location_size));
  machine().put(irp + 0x42, std::uint8_t{2});  // StackCount
  machine().put(irp + 0x43, std::uint8_t{2});  // CurrentLocation
  machine().put(irp + 0xd0 + location_size + 0x28, device);
  machine().put(device, std::uint16_t{3});
  machine().put(device + 8, driver);
  machine().put(driver, std::uint16_t{4});
  machine().put(driver + 0x38, static_cast<std::uint16_t>(2 * text.size()));
  machine().put(driver + 0x40, name);
  for (std::size_t i = 0; i < text.size(); ++i)
    machine().put(name + 2 * i, static_cast<std::uint16_t>(text[i]));
  const std::uint64_t head = worker() + at(irp_list), entry = irp + thread_list_entry;
  for (const std::uint64_t place : {head, head + 8}) machine().put(place, entry);
  for (const std::uint64_t place : {entry, entry + 8}) machine().put(place, head);
  look(true);
  const auto wait = reader_->wait_of(waiting_in("IopSynchronousServiceTail"));
  ASSERT_TRUE(wait && wait->meant);
  EXPECT_EQ(wait->meant->kind, ObjectKind::irp);
  EXPECT_EQ(wait->meant->address, irp);
  EXPECT_EQ(wait->meant->certainty, Certainty::likely);  // the only one under way
  const auto found = owners(ObjectKind::irp, irp);
  ASSERT_EQ(found.holders.size(), 1u) << found.why_not_known;
  EXPECT_EQ(found.holders[0].what, "the driver \\FileSystem\\Ntfs");
  EXPECT_EQ(found.holders[0].certainty, Certainty::fact);

  machine().put(irp + 0x43, std::uint8_t{3});  // beyond the last: no driver has it
  look(true);
  EXPECT_TRUE(owners(ObjectKind::irp, irp).holders.empty());
  EXPECT_FALSE(owners(ObjectKind::irp, irp).why_not_known.empty());
}

INSTANTIATE_TEST_SUITE_P(Kernels, OwnerTypes, testing::Values("1809", "later"));

}  // namespace
}  // namespace ntstack
