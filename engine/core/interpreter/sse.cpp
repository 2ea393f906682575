// MMX, SSE and FXSAVE. The models end at the Pentium Pro, which has none of them: every opcode is #UD.
#include "decode_groups.h"

namespace bancada {

Handler sse_handler(const Op&, uint8_t) {
  return nullptr;
}

}  // namespace bancada
