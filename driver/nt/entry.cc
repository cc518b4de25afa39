// The driver as Windows loads it: its device, who may open that, and its unloading.
#include "driver/core/dispatch.h"
#include "driver/nt/driver_state.h"
#include "driver/nt/self_test.h"
#include "driver/nt/stubs.h"
#include "driver/protocol.h"

extern "C" std::byte __ImageBase;

namespace ntstack::driver::nt {

DriverState driver_state;

namespace {

constexpr ULONG kDeviceType = kControlQuery >> 16;

template <typename Function, std::size_t N>
void find(Function& function, const char16_t (&name)[N]) {
  UNICODE_STRING text = string_of(name);
  function = reinterpret_cast<Function>(MmGetSystemRoutineAddress(&text));
}

// Exports that not every kernel has. KeQueryInterruptTimePrecise came with Windows 8, as
// NonPagedPoolNx did.
void find_optional_exports() {
  find(driver_state.ExAllocatePool2, u"ExAllocatePool2");
  find(driver_state.KeRemoveQueueApc, u"KeRemoveQueueApc");
  find(driver_state.ObDereferenceObjectDeferDelete, u"ObDereferenceObjectDeferDelete");
  void* since_8 = nullptr;
  find(since_8, u"KeQueryInterruptTimePrecise");
  driver_state.pool_is_never_executed = since_8 != nullptr;
}

// SizeOfImage, from our own headers.
void find_image() {
  const auto* const base = &__ImageBase;
  std::uint32_t header = 0, size = 0;
  __builtin_memcpy(&header, base + 0x3c, sizeof(header));
  __builtin_memcpy(&size, base + header + 0x50, sizeof(size));
  driver_state.image_start = reinterpret_cast<ULONG_PTR>(base);
  driver_state.image_end = driver_state.image_start + size;
}

void keep_parameters_key(const UNICODE_STRING& service) {
  static constexpr char16_t kParameters[] = u"\\Parameters";
  constexpr std::size_t kBytes = sizeof(kParameters) - sizeof(char16_t);
  if (service.Length + kBytes > sizeof(driver_state.parameters_key)) return;
  auto* const to = reinterpret_cast<std::byte*>(driver_state.parameters_key);
  __builtin_memcpy(to, service.Buffer, service.Length);
  __builtin_memcpy(to + service.Length, kParameters, kBytes);
  driver_state.parameters_key_bytes = static_cast<std::uint16_t>(service.Length + kBytes);
}

struct Sid {
  std::uint8_t revision, count, authority[6];
  std::uint32_t parts[2];
};

// SYSTEM and Administrators, and nobody else.
NTSTATUS set_dacl(DEVICE_OBJECT* device) {
  constexpr ACCESS_MASK kAll = 0x001f01ff, kWriteDac = 0x00040000;  // FILE_ALL_ACCESS
  constexpr ULONG kRevision = 1, kAclRevision = 2, kDacl = 4;
  Sid system{1, 1, {0, 0, 0, 0, 0, 5}, {18, 0}};
  Sid administrators{1, 2, {0, 0, 0, 0, 0, 5}, {32, 544}};
  alignas(void*) std::byte descriptor[0x40];
  alignas(void*) std::byte acl[0x60];
  RtlCreateSecurityDescriptor(descriptor, kRevision);
  RtlCreateAcl(acl, sizeof(acl), kAclRevision);
  NTSTATUS status = RtlAddAccessAllowedAce(acl, kAclRevision, kAll, &system);
  if (succeeded(status)) status = RtlAddAccessAllowedAce(acl, kAclRevision, kAll, &administrators);
  if (succeeded(status)) status = RtlSetDaclSecurityDescriptor(descriptor, 1, acl, 0);
  if (!succeeded(status)) return status;
  HANDLE handle = nullptr;
  status = ObOpenObjectByPointer(device, kObjKernelHandle, nullptr, kWriteDac, nullptr, kKernelMode,
                                 &handle);
  if (!succeeded(status)) return status;
  status = ZwSetSecurityObject(handle, kDacl, descriptor);
  ZwClose(handle);
  return status;
}

NTSTATUS complete(IRP* irp, Status status) {
  irp->IoStatus.Status = static_cast<NTSTATUS>(status);
  irp->IoStatus.Information = 0;
  IofCompleteRequest(irp, 0);
  return static_cast<NTSTATUS>(status);
}

NTSTATUS NTSTACK_STDCALL create(DEVICE_OBJECT*, IRP* irp) {
  return complete(irp, open(reinterpret_cast<Irp&>(*irp)));
}

NTSTATUS NTSTACK_STDCALL close(DEVICE_OBJECT*, IRP* irp) { return complete(irp, kSuccess); }

// Every handle is closed, and no IRP is under way. APCs that nobody waits for keep their memory and
// the image by references of their own.
void NTSTACK_STDCALL unload(DRIVER_OBJECT*) {
  UNICODE_STRING link = string_of(kLinkName);
  IoDeleteSymbolicLink(&link);
  IoDeleteDevice(driver_state.device);
}

NTSTATUS create_device(DRIVER_OBJECT* driver) {
  UNICODE_STRING name = string_of(kDeviceName), link = string_of(kLinkName);
  NTSTATUS status =
      IoCreateDevice(driver, 0, &name, kDeviceType, kFileDeviceSecureOpen, 0, &driver_state.device);
  if (!succeeded(status)) return status;
  status = set_dacl(driver_state.device);  // nobody can open it before: it initialises
  if (succeeded(status)) status = IoCreateSymbolicLink(&link, &name);
  if (!succeeded(status)) IoDeleteDevice(driver_state.device);
  return status;
}

}  // namespace

ULONG parameter(UNICODE_STRING name) {
  constexpr ACCESS_MASK kKeyQueryValue = 1;
  constexpr int kPartialInformation = 2;
  constexpr ULONG kRegDword = 4;
  UNICODE_STRING key{driver_state.parameters_key_bytes, driver_state.parameters_key_bytes,
                     driver_state.parameters_key};
  OBJECT_ATTRIBUTES attributes{
      sizeof(attributes), nullptr, &key, kObjCaseInsensitive | kObjKernelHandle, nullptr, nullptr};
  HANDLE handle = nullptr;
  if (!succeeded(ZwOpenKey(&handle, kKeyQueryValue, &attributes))) return 0;
  KEY_VALUE_PARTIAL_INFORMATION value{};
  ULONG size = 0, number = 0;
  const NTSTATUS status =
      ZwQueryValueKey(handle, &name, kPartialInformation, &value, sizeof(value), &size);
  ZwClose(handle);
  if (!succeeded(status) || value.Type != kRegDword || value.DataLength != sizeof(number)) return 0;
  __builtin_memcpy(&number, value.Data, sizeof(number));
  return number;
}

extern "C" NTSTATUS NTSTACK_STDCALL DriverEntry(DRIVER_OBJECT* driver, UNICODE_STRING* service) {
  driver_state.driver = driver;
  find_optional_exports();
  find_image();
  keep_parameters_key(*service);
  const NTSTATUS status = create_device(driver);
  if (!succeeded(status)) return status;
  driver->MajorFunction[kIrpMjCreate] = &create;
  driver->MajorFunction[kIrpMjCleanup] = &close;
  driver->MajorFunction[kIrpMjClose] = &close;
  driver->MajorFunction[kIrpMjDeviceControl] = &ntstack_control_stub;
  driver->DriverUnload = &unload;
  if (const ULONG which = parameter(string_of(u"SelfTest")); which != 0) run_self_test(which);
  driver_state.device->Flags &= ~kDoDeviceInitializing;
  return kSuccess;
}

}  // namespace ntstack::driver::nt
