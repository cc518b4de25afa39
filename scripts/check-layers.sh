#!/usr/bin/env bash
# A folder of src/ includes only folders to its left in the way of the data (docs/architecture.md);
# capture includes the driver's protocol too.
set -euo pipefail
order=(base code pe pdb dwarf store dump memory unwind symbols target stacks analysis report capture console app)
bad=0
for i in "${!order[@]}"; do
  folder=${order[$i]}
  [ -d "src/$folder" ] || continue
  allowed=$(IFS='|'; echo "${order[*]:0:$((i + 1))}")
  if grep -nE '^#include "[a-z]+/' -r "src/$folder" --include='*.h' --include='*.cc' |
      grep -vE "#include \"($allowed)/" | grep -vE '_test\.cc:|^src/capture/.*"driver/protocol\.h"'; then
    echo "src/$folder includes a folder to its right"
    bad=1
  fi
done
[ $bad -eq 0 ] && echo "layers: checked"
exit $bad
