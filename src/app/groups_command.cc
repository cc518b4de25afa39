#include "app/groups_command.h"

#include "app/exit_code.h"
#include "app/output.h"
#include "app/terminal.h"
#include "app/walked.h"
#include "report/groups.h"

namespace ntstack::app {

int run_groups(const GroupsOptions& options, std::FILE* out, std::FILE* err) {
  const auto choice = ThreadChoice::of(options.threads);
  if (!choice) return wrong(choice.error(), err);
  Downloads downloads(options.paths, err);
  auto walked = walk_dumps({options.dumps, options.paths, *choice, &downloads});
  if (!walked) return failed(walked.error(), err);
  const report::StackFacts stacks = stack_facts_of(*walked, choice->is_all());
  const report::GroupFacts facts = report::group_facts(stacks);
  if (options.json || options.json_lines)
    return write_list(report::groups_json(facts), "/groups", "group", options.json_lines, out, err);
  return write(report::groups_text(facts, {wants_colour(out), true}, options.top), out, err);
}

}  // namespace ntstack::app
