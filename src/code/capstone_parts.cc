// The decoders that Debian's static Capstone has for processors that Windows does not run on, each
// as one that can't be had. What is here the linker does not take from the library: else these
// parts are a third of the program, and the M68K's table alone, of 65,536 pointers that the loader
// would have to relocate, is a quarter of what the program needs to start.
#include <capstone/capstone.h>

struct cs_struct;

#define NTSTACK_WITHOUT(NAME)                                              \
  extern "C" cs_err NAME##_global_init(cs_struct*) { return CS_ERR_ARCH; } \
  extern "C" cs_err NAME##_option(cs_struct*, cs_opt_type, size_t) { return CS_ERR_ARCH; }

NTSTACK_WITHOUT(ARM)
NTSTACK_WITHOUT(EVM)
NTSTACK_WITHOUT(M680X)
NTSTACK_WITHOUT(M68K)
NTSTACK_WITHOUT(Mips)
NTSTACK_WITHOUT(PPC)
NTSTACK_WITHOUT(Sparc)
NTSTACK_WITHOUT(SystemZ)
NTSTACK_WITHOUT(TMS320C64x)
NTSTACK_WITHOUT(XCore)
