// Far jumps, calls, returns, and software interrupts.
#pragma once

#include "op.h"

namespace bancada {

// 9A, EA, FF /3, FF /5, CA, CB, CC-CF, F1; nullptr for #UD.
Handler far_transfer_handler(const Op& op);

}  // namespace bancada
