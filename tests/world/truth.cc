#include "world/truth.h"

#include <fmt/format.h>

#include <cstring>
#include <nlohmann/json.hpp>

namespace ntstack::world {
namespace {

using nlohmann::ordered_json;

// Addresses as the program's JSON has them: with all digits of the machine's width.
auto hex_of(bool is_64_bit) {
  return [width = is_64_bit ? 18 : 10](std::uint64_t value) {
    return fmt::format("{:#0{}x}", value, width);
  };
}

const char* name_of(Capture capture) {
  switch (capture) {
    case Capture::apc:
      return "apc";
    case Capture::switched_out:
      return "switched_out";
    case Capture::processor:
      return "processor";
    case Capture::none:
      return "none";
  }
  return "";
}

bool in_segment(const StackSegment& segment, std::uint64_t address) {
  return address >= segment.limit && address < segment.base;
}

// Frames whose caller is on another stack of the thread than they are.
ordered_json stack_switches(const ThreadTruth& thread, bool is_64_bit) {
  const auto hex = hex_of(is_64_bit);
  ordered_json list = ordered_json::array();
  for (std::size_t i = 0; i + 1 < thread.frames.size(); i++) {
    for (const StackSegment& segment : thread.segments) {
      const std::uint64_t here = thread.frames[i].child_sp, next = thread.frames[i + 1].child_sp;
      if (!in_segment(segment, here) || in_segment(segment, next)) continue;
      list.push_back({{"frame", i}, {"from_sp", hex(here)}, {"to_sp", hex(next)}});
    }
  }
  return list;
}

ordered_json thread_json(const ThreadTruth& thread, bool is_64_bit) {
  const auto hex = hex_of(is_64_bit);
  ordered_json json = {{"role", thread.role},
                       {"id", thread.id},
                       {"ethread", hex(thread.ethread)},
                       {"capture", name_of(thread.capture)},
                       {"status", fmt::format("{:#010x}", thread.status)}};
  if (thread.processor) json["processor"] = *thread.processor;
  ordered_json frames = ordered_json::array(), traps = ordered_json::array();
  for (std::size_t i = 0; i < thread.frames.size(); i++) {
    const TruthFrame& frame = thread.frames[i];
    frames.push_back({{"ip", hex(frame.ip)},
                      {"child_sp", hex(frame.child_sp)},
                      {"return_address", hex(frame.return_address)}});
    if (!frame.machine_frame) continue;
    traps.push_back({{"frame", i},
                     {"address", hex(frame.trap_frame)},
                     {"machine_frame", hex(frame.return_slot)}});
  }
  json["frames"] = frames;
  json["trap_frames"] = traps;
  json["stack_switches"] = stack_switches(thread, is_64_bit);
  ordered_json segments = ordered_json::array();
  for (const StackSegment& segment : thread.segments) {
    segments.push_back({{"base", hex(segment.base)},
                        {"limit", hex(segment.limit)},
                        {"initial_stack", hex(segment.initial_stack)},
                        {"used_from", hex(segment.used_from)}});
  }
  json["stack_segments"] = segments;
  if (thread.user_rip != 0)
    json["user"] = {{"rip", hex(thread.user_rip)}, {"rsp", hex(thread.user_rsp)}};
  return json;
}

}  // namespace

std::vector<std::uint8_t> context_of(const Cpu& cpu, std::uint32_t flags) {
  std::vector<std::uint8_t> context(0x4d0);
  const auto put = [&](std::size_t offset, auto value) {
    std::memcpy(context.data() + offset, &value, sizeof value);
  };
  put(0x30, std::uint32_t{0x10000f});
  put(0x34, std::uint32_t{0x1f80});
  const std::uint16_t selectors[] = {0x10, 0x2b, 0x2b, 0x53, 0x2b, 0x18};  // CS DS ES FS GS SS
  for (std::size_t i = 0; i < 6; i++) put(0x38 + 2 * i, selectors[i]);
  put(0x44, flags);
  for (std::size_t i = 0; i < 16; i++) put(0x78 + 8 * i, cpu.gpr[i]);
  put(0xf8, cpu.rip);
  return context;
}

std::vector<TruthFrame> frames_of(const Machine& machine) {
  std::vector<TruthFrame> frames;
  const Cpu cpu = machine.cpu();
  TruthFrame frame;
  frame.ip = cpu.rip;
  frame.child_sp = cpu.rsp();
  frame.frame_pointer = cpu.gpr[5];
  for (auto caller = machine.shadow.rbegin(); caller != machine.shadow.rend(); ++caller) {
    frame.return_address = caller->return_address;
    frame.return_slot = caller->slot;
    frame.machine_frame = caller->machine_frame;
    if (frame.machine_frame) frame.trap_frame = caller->slot - 0x168;
    frames.push_back(frame);
    frame = {};
    frame.ip = caller->return_address;
    frame.child_sp = caller->caller_sp;
    frame.frame_pointer = caller->caller_gpr[5];
  }
  return frames;
}

std::vector<std::string> listing(std::span<const LoadedImage> images, const ThreadTruth& thread) {
  std::vector<std::string> lines;
  for (const TruthFrame& frame : thread.frames) {
    std::string line = name_of_address(images, frame.ip);
    if (frame.machine_frame) {
      line += fmt::format(" (TrapFrame @ {:08x}`{:08x})", frame.trap_frame >> 32,
                          frame.trap_frame & 0xffffffff);
    }
    lines.push_back(line);
  }
  return lines;
}

std::string to_json(std::span<const LoadedImage> images, std::span<const ThreadTruth> threads) {
  const auto hex = hex_of(images.front().is_64_bit);
  ordered_json modules = ordered_json::array();
  for (const LoadedImage& image : images) {
    modules.push_back({{"image", image.file_name},
                       {"base", hex(image.base)},
                       {"size", image.size},
                       {"timestamp", image.timestamp}});
  }
  ordered_json list = ordered_json::array();
  for (const ThreadTruth& thread : threads)
    list.push_back(thread_json(thread, images.front().is_64_bit));
  return ordered_json{{"modules", modules}, {"threads", list}}.dump(1) + "\n";
}

}  // namespace ntstack::world
