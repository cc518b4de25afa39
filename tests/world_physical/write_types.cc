// write_types [arm64]: prints the kernel structures of the future x64 build, or of ARM64's, as C,
// for its nt's PDB.
#include <algorithm>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "world_physical/layouts.h"

namespace {

using ntstack::world::KernelLayout;

struct Member {
  unsigned offset;
  std::string declaration;
  unsigned size;
};

std::string pointer(const char* name) { return std::string("void* ") + name; }
std::string list(const char* name) { return std::string("struct _LIST_ENTRY ") + name; }

void print(const char* name, unsigned size, std::vector<Member> members) {
  std::ranges::sort(members, {}, &Member::offset);
  std::printf("struct __attribute__((packed)) %s {\n", name);
  unsigned at = 0;
  const auto fill = [&](unsigned to) {
    if (to > at) std::printf("  unsigned char Fill%03x[0x%x];\n", at, to - at);
  };
  for (const Member& member : members) {
    fill(member.offset);
    std::printf("  %s;\n", member.declaration.c_str());
    at = member.offset + member.size;
  }
  fill(size);
  std::printf("};\nstruct %s* The%s;\n_Static_assert(sizeof(struct %s) == 0x%x, \"%s\");\n", name,
              name, name, size, name);
}

}  // namespace

int main(int argc, char** argv) {
  const bool is_arm64 = argc > 1 && std::string_view(argv[1]) == "arm64";
  const KernelLayout& layout =
      is_arm64 ? ntstack::world::windows_11_22000_arm64 : ntstack::world::windows_future;
  const auto& k = layout.kthread;
  const auto& e = layout.ethread;
  const auto& p = layout.eprocess;
  const auto& c = layout.prcb;
  std::printf("// Made from the layout of build %u.\n", layout.build);
  std::puts("struct _LIST_ENTRY { struct _LIST_ENTRY *Flink, *Blink; };");
  std::puts("struct _CLIENT_ID { void *UniqueProcess, *UniqueThread; };");
  std::puts("struct _KAPC_STATE { struct _LIST_ENTRY ApcListHead[2]; void* Process; };");
  print("_KTHREAD", e.create_time,
        {{k.initial_stack, pointer("InitialStack"), 8},
         {k.stack_limit, pointer("StackLimit"), 8},
         {k.stack_base, pointer("StackBase"), 8},
         {k.kernel_stack, pointer("KernelStack"), 8},
         {k.trap_frame, pointer("TrapFrame"), 8},
         {k.apc_list_head, "struct _KAPC_STATE ApcState", 0x28},
         {k.state, "unsigned char State", 1},
         {k.wait_reason, "unsigned char WaitReason", 1},
         {k.wait_block_list, pointer("WaitBlockList"), 8},
         {k.teb, pointer("Teb"), 8},
         {k.next_processor, "unsigned NextProcessor", 4},
         {k.process, pointer("Process"), 8},
         {k.thread_list_entry, list("ThreadListEntry"), 16}});
  print("_ETHREAD", e.size,
        {{0, "struct _KTHREAD Tcb", e.create_time},
         {e.create_time, "unsigned long long CreateTime", 8},
         {e.start_address, pointer("StartAddress"), 8},
         {e.cid, "struct _CLIENT_ID Cid", 16},
         {e.win32_start_address, pointer("Win32StartAddress"), 8},
         {e.thread_list_entry, list("ThreadListEntry"), 16}});
  print("_KPROCESS", p.unique_process_id,
        {{p.directory_table_base, "unsigned long long DirectoryTableBase", 8},
         {p.kprocess_thread_list_head, list("ThreadListHead"), 16}});
  print("_EPROCESS", p.size,
        {{0, "struct _KPROCESS Pcb", p.unique_process_id},
         {p.unique_process_id, pointer("UniqueProcessId"), 8},
         {p.active_process_links, list("ActiveProcessLinks"), 16},
         {p.inherited_from, pointer("InheritedFromUniqueProcessId"), 8},
         {p.peb, pointer("Peb"), 8},
         {p.image_file_name, "unsigned char ImageFileName[15]", 15},
         {p.thread_list_head, list("ThreadListHead"), 16}});
  std::vector<Member> prcb{{c.current_thread, pointer("CurrentThread"), 8},
                           {c.idle_thread, pointer("IdleThread"), 8},
                           {c.number, "unsigned Number", 4},
                           {c.dpc_stack, pointer("DpcStack"), 8},
                           {c.dpc_routine_active, "unsigned char DpcRoutineActive", 1},
                           {c.context, pointer("Context"), 8},
                           {c.isr_stack, pointer("IsrStack"), 8}};
  if (!is_arm64) prcb.push_back({c.rsp_base, "unsigned long long RspBase", 8});
  print("_KPRCB", c.size, std::move(prcb));
  return 0;
}
