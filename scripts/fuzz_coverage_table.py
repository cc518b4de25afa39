#!/usr/bin/env python3
"""The table of scripts/fuzz-coverage.sh: fuzz_coverage_table.py PROFILES CORPUS [FIGURES]"""
import fnmatch
import json
import pathlib
import re
import sys

# The files that a target is about, below src/.
ABOUT = {
    "analyze": "analysis/analyze.cc analysis/bl*.cc analysis/bugcheck*.cc analysis/findings.cc analysis/hang.cc "
               "analysis/signature.cc analysis/stack_*.cc analysis/near_limit.cc analysis/exception_of.cc report/analyze*.cc "
               "report/html_page.cc report/groups.cc report/report_document.cc",
    "batch_line": "report/batch_line.cc app/mcp_server.cc app/mcp_tools.cc",
    "bundle": "dump/bundle.cc",
    "cabinet": "store/cabinet.cc store/cabinet_mspack.cc",
    "code": "code/instruction.cc code/call.cc code/x64_epilogue.cc",
    "console": "console/*.cc",
    "disassembly": "code/disassembler*.cc code/arm64_*.cc analysis/listing.cc analysis/function_code.cc analysis/called.cc "
                   "analysis/register_values.cc report/disassembly.cc",
    "driver_answer": "capture/driver_client.cc dump/kernel_stacks*.cc",
    "dump": "dump/*.cc",
    "dwarf": "dwarf/*.cc",
    "expression": "console/expression*.cc console/number_formats.cc",
    "kernel_objects": "analysis/irp.cc analysis/resources.cc analysis/trap_fields.cc analysis/object_reader.cc "
                      "console/irp_commands.cc console/record_commands.cc console/context_commands.cc "
                      "console/processor_commands.cc console/thread_text.cc console/processor_block.cc target/list.cc",
    "msf": "pdb/msf.cc",
    "page_tables": "memory/page_tables.cc",
    "pdb": "pdb/*.cc",
    "pdb_addresses": "pdb/address_map.cc pdb/contributions.cc pdb/frames.cc",
    "pdb_globals": "pdb/gsi.cc pdb/publics.cc pdb/symbol_records.cc",
    "pdb_info": "pdb/info_stream.cc pdb/dbi.cc pdb/name_table.cc",
    "pdb_lines": "pdb/lines.cc pdb/inline_sites.cc",
    "pdb_module": "pdb/module.cc pdb/locals.cc pdb/inline_sites.cc",
    "pdb_types": "pdb/types.cc pdb/type_stream.cc pdb/type_records.cc",
    "pe": "pe/image.cc pe/symbols.cc",
    "pe_tables": "pe/imports.cc pe/symbols.cc pe/relocated_pages.cc",
    "physical": "target/*.cc memory/*.cc",
    "program": "unwind/program.cc",
    "prologue": "code/prologue*.cc",
    "redact": "report/redact.cc",
    "server_answer": "store/http_address.cc store/http_shared.cc store/pointer_file.cc store/server_address.cc store/key.cc",
    "stacks": "stacks/*.cc report/text.cc report/json.cc report/json_parts.cc",
    "symbol_path": "store/symbol_path.cc store/find_files.cc store/file_name.cc symbols/short_names.cc",
    "symbolizer": "symbols/symbolizer.cc symbols/image_symbolizer.cc symbols/module_files.cc",
    "system_reply": "capture/system_lists.cc capture/triage_result.cc capture/live_dump_events.cc capture/triage_request.cc "
                    "capture/process_choice.cc capture/thread_request.cc capture/command_line.cc",
    "undecorate": "symbols/undecorate*.cc",
    "unwind_arm64": "pe/unwind_arm64.cc pe/packed_arm64.cc unwind/arm64*.cc",
    "unwind_x64": "pe/unwind_x64*.cc pe/function_table.cc",
    "world": "stacks/*.cc analysis/*.cc target/*.cc console/*.cc",
    "x64_step": "unwind/x64*.cc unwind/scan.cc",
    "x86_code": "unwind/x86_code.cc unwind/x86_frame.cc unwind/x86_helper.cc unwind/x86_start.cc",
    "x86_step": "unwind/x86.cc unwind/x86_*.cc",
    "x86_trap": "unwind/x86_trap.cc unwind/x86_task.cc",
    "zip": "base/zip_reader.cc",
}


def lines_of(profile):
    """src's files by their path below it: lines covered, lines."""
    found = {}
    for file in json.loads(profile.read_text())["data"][0]["files"]:
        name = file["filename"].split("/src/", 1)[-1]
        lines = file["summary"]["lines"]
        if name.endswith(".cc"):
            found[name] = (lines["covered"], lines["count"])
    return found


def sum_of(lines, patterns):
    chosen = [each for name, each in lines.items() if any(fnmatch.fnmatch(name, pattern) for pattern in patterns)]
    return sum(each[0] for each in chosen), sum(each[1] for each in chosen)


def main():
    profiles, corpus = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    long_runs = json.loads(pathlib.Path(sys.argv[3]).read_text()) if len(sys.argv) > 3 and sys.argv[3] else {}
    print("| target | inputs | KB | lines of its files | covered | executions | processor, s | findings |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|")
    for profile in sorted(profiles.glob("*.json")):
        name = profile.stem
        if name == "all":
            continue
        covered, count = sum_of(lines_of(profile), ABOUT.get(name, "").split())
        files = [each for each in (corpus / name).glob("*") if each.is_file()]
        run = long_runs.get(name, {})
        executions = f"{run['executions']:,}" if run else ""
        processor = f"{run['processor']:.0f}" if run else ""
        print(f"| {name} | {len(files)} | {sum(each.stat().st_size for each in files) / 1024:.0f} | {count} | "
              f"{100 * covered / max(count, 1):.0f} % | {executions} | {processor} | {run.get('findings', '')} |")
    everything = lines_of(profiles / "all.json")
    print("\n| folder | lines | covered by all |")
    print("|---|--:|--:|")
    for folder in sorted({name.split("/")[0] for name in everything}):
        covered, count = sum_of(everything, [folder + "/*"])
        print(f"| {folder} | {count} | {100 * covered / count:.0f} % |")
    print("\nFiles of 40 lines and more that are covered least:\n")
    least = sorted((covered / count, name, covered, count) for name, (covered, count) in everything.items() if count >= 40)
    for share, name, covered, count in least[:60]:
        print(f"- `{name}`: {covered} of {count}")
    steps = {}
    for figures in profiles.glob("*.figures"):
        if found := re.search(r"most steps +(\d+)", figures.read_text()):
            steps[figures.stem] = int(found.group(1))
    print("\nMost stretches of code entered for one input: " +
          ", ".join(f"{name} {count:,}" for name, count in sorted(steps.items(), key=lambda each: -each[1])[:10]))


main()
