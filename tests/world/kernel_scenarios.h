// The ways on which a 64-bit kernel and its drivers are led, whatever the processor, so that every
// instruction of theirs is executed: a fresh world each.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "world/kernel_objects.h"

namespace ntstack::world {

class KernelScenarios : public testing::Test {
 protected:
  static constexpr char good_path[] = "\\Device\\Mup\\fileserver\\www\\web.config";
  static constexpr std::uint64_t user_ip = 0x77a62a2a;
  static constexpr std::uint64_t expansion_base = 0xfffff88012d70000, expansion_size = 0x12000;

  // What a processor's fixture does. A stopped run goes on where after_stop_ says so.
  virtual void fresh_world() = 0;  // and a thread in it; what was checked stays
  virtual KernelObjects& objects() = 0;
  virtual GuestMemory& memory() = 0;
  virtual void start_drivers() = 0;
  virtual bool system_call(const Thread& thread, const SystemCall& call) = 0;
  // Calls a function as the kernel would, on the thread's stack; true where it came back.
  virtual bool call(std::uint64_t function, std::vector<std::uint64_t> arguments) = 0;
  virtual std::uint64_t result() const = 0;  // of the last call
  enum class Interrupt : std::uint8_t { device, dpc, page_fault };
  virtual void interrupt(Interrupt which) = 0;
  virtual std::uint64_t idle_wait() const = 0;  // where an idle processor halts
  virtual void wake() = 0;                      // goes on behind that instruction
  virtual void fault_and_crash() = 0;
  // Bytes from an import thunk's first instruction to its last.
  virtual std::uint64_t thunk_length() const { return 0; }

  void run_kernel();

  std::uint64_t nt(const std::string& name) { return objects().nt(name); }
  // Of an image's function; the low half of what it returns.
  std::uint64_t kernel_call(const char* image, const char* name,
                            std::vector<std::uint64_t> arguments = {});
  // A file named `path` is asked for or opened; the status.
  std::uint64_t open(const std::string& path, std::uint32_t service = service_query_full_attributes,
                     std::uint64_t options = 0, bool has_handle = true);

  Thread thread_;
  std::set<std::uint64_t> stops_;
  std::function<bool(std::uint64_t)> stop_;
  // What is done where a call stopped; true: it goes on.
  std::function<bool(std::uint64_t)> after_stop_;

 private:
  void start_twice();
  void open_files();
  void open_contended();
  void fail_to_open();
  void wait_and_signal();
  void expand_stacks();
  void take_resources();
  void find_files();
  void enter_oddly();
  void interrupt_at(const std::string& function, Interrupt which);
  void dispatch_close();
  void run_dpcs();
  void stand_at_thunks();
};

}  // namespace ntstack::world
