// Finds the x87 instruction, and what all of them share.
#include "decode_groups.h"
#include "x87_stack.h"

namespace bancada {

bool x87_report_pending(Interpreter& cpu) {
  if (cpu.state_.cr0 & CR0_NE) cpu.fault(VECTOR_MF);
  if (cpu.ferr_) return true;
  cpu.ferr_ = true;
  if (cpu.wires.ferr) cpu.wires.ferr(true);
  return false;
}

void x87_release_ferr(Interpreter& cpu) {
  if (!cpu.ferr_ || (cpu.state_.x87.status & X87_ES)) return;
  cpu.ferr_ = false;
  if (cpu.wires.ferr) cpu.wires.ferr(false);
}

Handler x87_handler(const Op& op) {
  if (Handler handler = x87_control_handler(op)) return handler;
  if (op.opcode < 0xD8 || op.opcode > 0xDF) return nullptr;
  return (op.flags & OP_MEMORY) ? x87_memory_handler(op) : x87_register_handler(op);
}

}  // namespace bancada
