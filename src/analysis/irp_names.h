// Names of what an IRP asks for (wdm.h, ntifs.h).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace ntstack::analysis {

// "IRP_MJ_READ"; empty for codes that no header names.
std::string_view irp_major_name(std::uint8_t major);
// "IRP_MN_QUERY_DIRECTORY", as that major function has it; empty: none.
std::string_view irp_minor_name(std::uint8_t major, std::uint8_t minor);
// kd's words for SL_* bits of a stack location's Control: "Success Error Cancel pending".
std::string irp_control_text(std::uint8_t control);

}  // namespace ntstack::analysis
