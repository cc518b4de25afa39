#define ARRAY_IN_KTHREAD
#include "owner_types.c"
