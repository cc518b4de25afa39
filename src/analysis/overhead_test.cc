#include "analysis/overhead.h"

#include <gtest/gtest.h>

namespace ntstack::analysis {
namespace {

stacks::Frame frame_of(std::string module, std::string name, std::uint64_t offset = 0x45) {
  stacks::Frame frame;
  frame.symbol.module = std::move(module);
  frame.symbol.name = std::move(name);
  frame.symbol.offset = offset;
  return frame;
}

TEST(Overhead, WhatPassesIrpsOnIsDispatch) {
  EXPECT_EQ(overhead_of(frame_of("nt", "IofCallDriver")), Overhead::dispatch);
  EXPECT_EQ(overhead_of(frame_of("fltmgr", "FltpDispatch")), Overhead::dispatch);
  EXPECT_EQ(overhead_of(frame_of("FLTMGR", "FltpCreate")), Overhead::dispatch);
}

TEST(Overhead, ANameInAnotherModuleIsNone) {
  EXPECT_EQ(overhead_of(frame_of("hog", "IofCallDriver")), Overhead::none);
  EXPECT_EQ(overhead_of(frame_of("nt", "FltpDispatch")), Overhead::none);
}

TEST(Overhead, AnExportsNameCountsOnlyWhereItIsNear) {
  stacks::Frame frame = frame_of("nt", "IofCallDriver", 0xff);
  frame.symbol.is_export = true;
  EXPECT_EQ(overhead_of(frame), Overhead::dispatch);
  frame.symbol.offset = 0x100;
  EXPECT_EQ(overhead_of(frame), Overhead::none);
}

TEST(Overhead, ATrapFrameIsOverheadWhosesoever) {
  stacks::Frame frame = frame_of("nt", "KiPageFault");
  frame.trap_frame = 0x1000;
  EXPECT_EQ(overhead_of(frame), Overhead::trap);
  EXPECT_EQ(overhead_of(frame_of("nt", "KeBugCheckEx")), Overhead::crash);
  EXPECT_EQ(overhead_of(frame_of("nt", "KeExpandKernelStackAndCalloutEx")), Overhead::stack_switch);
}

TEST(Overhead, WindowsOwnModulesAreKnownByName) {
  EXPECT_TRUE(is_windows_own("Ntfs"));
  EXPECT_TRUE(is_windows_own("win32kfull"));
  EXPECT_TRUE(is_windows_own("nt"));
  EXPECT_FALSE(is_windows_own("BabyHog"));
  EXPECT_FALSE(is_windows_own(""));
}

}  // namespace
}  // namespace ntstack::analysis
