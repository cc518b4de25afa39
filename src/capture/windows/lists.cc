#include "capture/windows/lists.h"

#include <cstddef>

#include "capture/native_layout.h"
#include "capture/system_lists.h"
#include "capture/windows/ntdll.h"

namespace ntstack::capture::windows {
namespace {

constexpr Status kLengthMismatch = 0xc0000004;
constexpr Status kBufferTooSmall = 0xc0000023;
constexpr std::size_t kFirstRoom = std::size_t{1} << 20;
constexpr std::size_t kMostRoom = std::size_t{1} << 29;  // a machine of millions of handles

// The whole of what the system answers, however long it grows meanwhile.
std::expected<std::vector<std::byte>, Status> query(std::uint32_t information) {
  for (std::size_t room = kFirstRoom;; room *= 2) {
    std::vector<std::byte> reply(room);
    ULONG returned = 0;
    const Status status = call_ntdll<ntdll::QuerySystemInformation>(
        "NtQuerySystemInformation", information, reply.data(), static_cast<ULONG>(room), &returned);
    const bool was_short = status == kLengthMismatch || status == kBufferTooSmall;
    if (was_short && room < kMostRoom) continue;
    if (!succeeded(status)) return std::unexpected(status);
    // Some systems tell no size; the lists end by themselves.
    if (returned != 0 && returned < room) reply.resize(returned);
    return reply;
  }
}

}  // namespace

std::expected<std::vector<ProcessFacts>, Status> list_processes() {
  bool extended = true;
  auto reply = query(native::kSystemExtendedProcesses);
  if (!reply) {
    extended = false;
    reply = query(native::kSystemProcesses);
  }
  if (!reply) return std::unexpected(reply.error());
  return read_process_list<std::uintptr_t>(
      base::Bytes(*reply), reinterpret_cast<std::uintptr_t>(reply->data()), extended);
}

std::expected<std::vector<HandleFacts>, Status> list_own_handles() {
  const auto reply = query(native::kSystemExtendedHandles);
  if (!reply) return std::unexpected(reply.error());
  return read_handle_list<std::uintptr_t>(base::Bytes(*reply), ::GetCurrentProcessId());
}

std::expected<std::vector<dump::ModuleRecord>, Status> list_kernel_modules() {
  const auto reply = query(native::kSystemModules);
  if (!reply) return std::unexpected(reply.error());
  return read_module_list<std::uintptr_t>(base::Bytes(*reply));
}

}  // namespace ntstack::capture::windows
