// The threads of a process's triage dump: where their objects are among its blocks, and which of
// the threads that were asked for they are.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "dump/dump.h"
#include "target/capture_status.h"
#include "target/structures.h"

namespace ntstack::target {

struct CapturedObjects {
  std::vector<std::uint64_t> threads;  // ETHREADs, in the order in which they were written
  std::string searched;                // a sentence where they had to be searched for, else empty
};

// Blocks of a thread object's size are thread objects, written in the order of the request. Where
// that gives fewer than `expected` (or none), the blocks are searched for pointers to the process;
// what they belong to must look like a thread in every way that can be checked.
CapturedObjects find_captured_objects(const dump::TriageRecords& triage,
                                      const base::ByteSource& memory, const Layout& layout,
                                      std::size_t expected);

// `objects` in the order of the request; `has_stack` tells whether the dump has stack bytes of one.
// Where there are as many objects as threads that were captured, each is that thread's; else none
// can be told.
std::vector<RequestedThread> requested_threads(
    std::span<const std::uint32_t> statuses, std::span<const std::uint64_t> objects,
    const std::function<bool(std::uint64_t thread)>& has_stack);

}  // namespace ntstack::target
