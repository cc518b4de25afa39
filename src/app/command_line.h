// The command line: subcommands and options, and nothing else.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <optional>
#include <string>

#include "app/analyze_command.h"
#include "app/batch_command.h"
#include "app/capture_options.h"
#include "app/commands.h"
#include "app/crash_command.h"
#include "app/diff_command.h"
#include "app/disassemble_command.h"
#include "app/driver_command.h"
#include "app/groups_command.h"
#include "app/mcp_command.h"
#include "app/open_command.h"
#include "app/report_command.h"
#include "app/stack_starts_command.h"
#include "app/stack_use_command.h"
#include "app/symbol_commands.h"
#include "app/symbolize.h"
#include "app/waits_command.h"

namespace ntstack::app {

// What every command was asked, filled while the command line is parsed.
struct Options {
  StacksOptions stacks;
  SymbolsOptions symbols;
  ListOptions info, modules;
  ChosenOptions processes, threads;
  SymbolizeOptions symbolize;
  CaptureCommand capture;
  CrashOptions crash;
  DriverCommand driver;
  DiffOptions diff;
  GroupsOptions groups;
  ReportOptions report;
  BatchOptions batch;
  McpOptions mcp;
  std::uint32_t memory_limit = 0;
  std::optional<std::int64_t> parent;  // that this is a child of
  StackUseOptions stack_use;
  AnalyzeOptions analyze;
  WaitsOptions waits;
  StackStartsOptions stack_starts;
  OpenOptions open;
  DisassembleOptions disassemble;
  DoctorOptions doctor;
  std::string base;
};

// Declares all on `app`; `options` must live as long.
void declare(CLI::App& app, Options& options);

}  // namespace ntstack::app
