// The frame around an x87 instruction's body.
#pragma once

#include "dispatch.h"
#include "x87_arithmetic.h"
#include "x87_stack.h"

namespace bancada {

// Checks what every waiting instruction checks, runs BODY and goes on.
template <void (*BODY)(Interpreter&, const Op*)>
const Op* x87_instruction(Interpreter& cpu, const Op* op) {
  x87_check_available(cpu);
  if ((cpu.state_.x87.status & X87_ES) && !x87_report_pending(cpu)) {
    cpu.state_.eip = cpu.current_eip();
    return cpu.leave_block();
  }
  x87_prepare(cpu.state_.x87);
  BODY(cpu, op);
  x87_remember(cpu, op);
  return NEXT(cpu, op);
}

}  // namespace bancada
