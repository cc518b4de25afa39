// The compiler itself says where members lie: a table of constants in the image.
#include "layouts.h"

struct Row {
  char structure[24], member[24];
  unsigned offset, size, structure_size;
};

#define ROW(structure, member)                             \
  {#structure, #member, __builtin_offsetof(structure, member), \
   sizeof(((structure*)0)->member), sizeof(structure)},

const struct Row layout_table[] = {LAYOUTS(ROW){"", "", 0, 0, 0}};

// Used, so that their types are described.
struct _OUTER outer;
UNNAMED unnamed;
struct _PACKED packed;
int start(void) { return (int)layout_table[outer.Type].offset + unnamed.A + packed.B; }
