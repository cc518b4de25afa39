#include "analysis/irp.h"

#include <fmt/format.h>

namespace ntstack::analysis {
namespace {

constexpr std::uint64_t kIrpType = 6, kDeviceType = 3, kDriverType = 4;  // IO_TYPE_* (wdm.h)

constexpr std::array kHeader = {
    KnownField{"Type", 0, 0, 2},
    KnownField{"Size", 2, 2, 2},
    KnownField{"MdlAddress", 8, 4},
    KnownField{"Flags", 0x10, 8, 4},
    KnownField{"AssociatedIrp", 0x18, 0xc},
    KnownField{"ThreadListEntry.Flink", 0x20, 0x10},
    KnownField{"ThreadListEntry.Blink", 0x28, 0x14},
    KnownField{"IoStatus.Status", 0x30, 0x18, 4},
    KnownField{"IoStatus.Information", 0x38, 0x1c},
    KnownField{"RequestorMode", 0x40, 0x20, 1},
    KnownField{"PendingReturned", 0x41, 0x21, 1},
    KnownField{"StackCount", 0x42, 0x22, 1},
    KnownField{"CurrentLocation", 0x43, 0x23, 1},
    KnownField{"Cancel", 0x44, 0x24, 1},
    KnownField{"CancelIrql", 0x45, 0x25, 1},
    KnownField{"ApcEnvironment", 0x46, 0x26, 1},
    KnownField{"AllocationFlags", 0x47, 0x27, 1},
    KnownField{"UserIosb", 0x48, 0x28},
    KnownField{"UserEvent", 0x50, 0x2c},
    KnownField{"Overlay.AsynchronousParameters.UserApcRoutine", 0x58, 0x30},
    KnownField{"Overlay.AsynchronousParameters.UserApcContext", 0x60, 0x34},
    KnownField{"Overlay.AllocationSize", 0x58, 0x30, 8},
    KnownField{"CancelRoutine", 0x68, 0x38},
    KnownField{"UserBuffer", 0x70, 0x3c},
    KnownField{"Tail.Overlay.Thread", 0x98, 0x50},
    KnownField{"Tail.Overlay.AuxiliaryBuffer", 0xa0, 0x54},
    KnownField{"Tail.Overlay.ListEntry.Flink", 0xa8, 0x58},
    KnownField{"Tail.Overlay.ListEntry.Blink", 0xb0, 0x5c},
    KnownField{"Tail.Overlay.CurrentStackLocation", 0xb8, 0x60},
    KnownField{"Tail.Overlay.OriginalFileObject", 0xc0, 0x64}};
constexpr std::uint64_t kHeaderSize64 = 0xd0, kHeaderSize32 = 0x70;

constexpr std::array kLocation = {
    KnownField{"MajorFunction", 0, 0, 1}, KnownField{"MinorFunction", 1, 1, 1},
    KnownField{"Flags", 2, 2, 1},         KnownField{"Control", 3, 3, 1},
    KnownField{"Parameters", 8, 4},       KnownField{"DeviceObject", 0x28, 0x14},
    KnownField{"FileObject", 0x30, 0x18}, KnownField{"CompletionRoutine", 0x38, 0x1c},
    KnownField{"Context", 0x40, 0x20}};
constexpr std::uint64_t kLocationSize64 = 0x48, kLocationSize32 = 0x24;

constexpr std::array kDevice = {KnownField{"Type", 0, 0, 2}, KnownField{"DriverObject", 8, 8}};
constexpr std::array kDriver = {KnownField{"Type", 0, 0, 2}, KnownField{"DriverName", 0x38, 0x1c}};

}  // namespace

IrpReader::IrpReader(const KernelView& view)
    : view_(view),
      header_(view, "_IRP", kHeader),
      location_(view, "_IO_STACK_LOCATION", kLocation),
      header_size_(view.is_64_bit() ? kHeaderSize64 : kHeaderSize32),
      location_size_(view.is_64_bit() ? kLocationSize64 : kLocationSize32) {}

base::Result<Irp> IrpReader::at(std::uint64_t address) const {
  const std::string place = fmt::format("{:0{}x}", address, view_.is_64_bit() ? 16 : 8);
  const auto type = header_.read(address, "Type"), size = header_.read(address, "Size");
  const auto count = header_.read(address, "StackCount");
  const auto current = header_.read(address, "CurrentLocation");
  if (!type) return base::fail("the IRP at {} is not in the dump", place);
  if (*type != kIrpType)
    return base::fail(
        "IRP signature does not match, probably not an IRP: Type at {} is {:x}, not 6", place,
        *type);
  if (!size || !count || !current) return base::fail("the IRP at {} is cut by the dump", place);
  if (*size < header_size_ + *count * location_size_)
    return base::fail("no IRP is at {}: {} stack locations do not fit into its Size, {:x}", place,
                      *count, *size);
  Irp irp{address,
          static_cast<std::uint16_t>(*size),
          static_cast<std::uint8_t>(*count),
          static_cast<std::uint8_t>(*current),
          {}};
  for (std::uint64_t i = 0; i < *count; ++i)
    irp.locations.push_back(location_at(address + header_size_ + i * location_size_));
  return irp;
}

StackLocation IrpReader::location_at(std::uint64_t address) const {
  StackLocation found;
  found.address = address;
  const auto byte = [&](std::string_view field) {
    return static_cast<std::uint8_t>(location_.read_or(address, field, 0));
  };
  found.major = byte("MajorFunction");
  found.minor = byte("MinorFunction");
  found.flags = byte("Flags");
  found.control = byte("Control");
  const std::uint64_t word = view_.is_64_bit() ? 8 : 4;
  const std::uint64_t arguments = address + location_.offset_of("Parameters").value_or(word);
  for (std::size_t i = 0; i < found.arguments.size(); ++i)
    found.arguments[i] =
        number_at(view_.machine().memory(), arguments + i * word, word).value_or(0);
  found.device = location_.read_or(address, "DeviceObject", 0);
  found.file = location_.read_or(address, "FileObject", 0);
  found.completion_routine = location_.read_or(address, "CompletionRoutine", 0);
  found.context = location_.read_or(address, "Context", 0);
  found.is_there = location_.read(address, "MajorFunction") && location_.read(address, "Context");
  return found;
}

std::string driver_name_of(const KernelView& view, std::uint64_t device) {
  const ObjectReader devices(view, "_DEVICE_OBJECT", kDevice);
  const ObjectReader drivers(view, "_DRIVER_OBJECT", kDriver);
  if (device == 0 || devices.read(device, "Type") != kDeviceType) return {};
  const auto driver = devices.read(device, "DriverObject");
  if (!driver || drivers.read(*driver, "Type") != kDriverType) return {};
  const auto name = drivers.offset_of("DriverName");
  return name ? unicode_string_at(view, *driver + *name) : std::string();
}

}  // namespace ntstack::analysis
