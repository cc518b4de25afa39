#include "app/capture_options.h"

#include <CLI/CLI.hpp>

namespace ntstack::app {
namespace {

void add_capture_triggers(CLI::App& command, CaptureCommand& options) {
  command
      .add_option("--every", options.every,
                  "With --count: from one capture's begin to the next (5s, 500ms, 2m)")
      ->type_name("TIME");
  command
      .add_option("--count", options.count,
                  "So many captures, each a folder below; see ntstack diff")
      ->type_name("N");
  command
      .add_option("--hang", options.hang,
                  "Waits until a window of the process has hung for so many seconds")
      ->type_name("SECONDS");
  command
      .add_option("--cpu", options.cpu,
                  "Waits until the process has used so many percent of all processors for 5 s")
      ->type_name("PERCENT");
  command.add_flag("--unattended", options.unattended,
                   "At most 10 threads in the first dump, then the rest; --hang and --cpu do so");
}

}  // namespace

CLI::App* declare_capture(CLI::App& app, CaptureCommand& options) {
  CLI::App* capture = app.add_subcommand("capture", "Kernel stacks of a running process (Windows)");
  capture->add_option("PROCESS", options.process, "An ID or a name")->type_name("")->required();
  capture
      ->add_option("-o,--output", options.output,
                   "The folder to write, or a .zip; in one that exists a new one is made")
      ->type_name("FOLDER");
  capture->add_flag("--zip", options.zip, "A .zip instead of the folder");
  capture
      ->add_option("-m", options.user, "The user half too: -ma all memory, -mm stacks and modules")
      ->type_name("a|m")
      ->check(CLI::IsMember({"a", "m"}).description(""));
  capture->add_flag("--report", options.report, "The stacks too, as text and JSON");
  capture->add_option("--thread", options.threads, "These threads first, by ID")->type_name("ID");
  capture
      ->add_option("--wait-reason", options.wait_reason,
                   "Threads that wait for this first: WrResource, ...")
      ->type_name("REASON");
  capture->add_option("--state", options.state, "Threads in this state first: waiting, ready, ...")
      ->type_name("STATE");
  capture
      ->add_option("--frame", options.frame,
                   "Threads with this in a name of their user stack first")
      ->type_name("TEXT");
  capture->add_flag("--only", options.only, "The chosen threads and no others");
  CLI::Option* by_driver =
      capture->add_flag("--driver", options.driver,
                        "Kernel stacks by ntstack's driver instead of triage dumps, in one file");
  CLI::Option* live =
      capture
          ->add_option("--live", options.live,
                       "A live dump of the machine instead: full or selective (kernel stacks)")
          ->type_name("full|selective")
          ->check(CLI::IsMember({"full", "selective"}).description(""))
          ->excludes(by_driver);
  capture
      ->add_flag("--auto", options.automatic,
                 "Triage dumps; a live dump too where threads lack: of kernel stacks, else full")
      ->excludes(live)
      ->excludes(by_driver);
  capture->add_flag("--user-pages", options.user_pages, "Live dumps: user memory too");
  capture->add_flag("--hypervisor-pages", options.hypervisor_pages,
                    "Live dumps: the hypervisor's memory too");
  capture->add_flag("--under-memory-pressure", options.under_memory_pressure,
                    "Live dumps: also where memory is short");
  capture
      ->add_option(
          "--budget", options.budget,
          "Time for the triage dumps (60s), whose wedged threads cost 5 s each; for the driver")
      ->type_name("TIME");
  add_capture_triggers(*capture, options);
  capture->add_flag("--elevate", options.elevate, "Starts anew as administrator without asking");
  capture->add_flag("--no-elevate", options.no_elevate, "Does not ask");
  capture->add_option("--triage-flags", options.triage_flags, "Flags of the kernel's request")
      ->type_name("FLAGS")
      ->group("");
  return capture;
}

}  // namespace ntstack::app
