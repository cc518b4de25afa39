// `doctor`: what a capture would find here.
#include "capture/doctor.h"

#include "app/commands.h"
#include "app/exit_code.h"
#include "app/output.h"
#include "capture/this_system.h"

namespace ntstack::app {

int run_doctor(const DoctorOptions& options, std::FILE* out, std::FILE* err) {
  const auto system = capture::this_system();
  const capture::Diagnosis diagnosis =
      system ? capture::diagnose(*system) : capture::diagnose_elsewhere();
  const int written = write(
      options.json ? capture::doctor_json(diagnosis) : capture::doctor_text(diagnosis), out, err);
  if (written != kOk) return written;
  return !system || diagnosis.can_capture() ? kOk : kFailed;
}

}  // namespace ntstack::app
